"""What trains: one module per engine, each the worker of a job."""

import logging
import os
import sys
from pathlib import Path

# transformers imports bitsandbytes, which at once misses optional kernels for the CPU and does without them; users
# read that as a failure. Here, because it must be said before the first import.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def spare_bitsandbytes() -> None:
    """Let transformers and peft take bitsandbytes for missing in a job that needs nothing of it.

    They import it wherever it is installed, and it torch's compiler: a third of the time until the model is loaded.
    """
    folder = os.environ.get("TAROT_JOB_DIR")
    if not folder or "transformers" in sys.modules:
        return
    from tarot_tui.jobs.spec import read_spec

    request = read_spec(Path(folder)).get("request") or {}
    if request.get("quantization_bit") or "8bit" in str(request.get("optim")):
        sys.modules.pop("bitsandbytes", None)
    else:
        sys.modules["bitsandbytes"] = None  # type: ignore[assignment]


spare_bitsandbytes()
