"""The download job. Reads ``job.yaml`` in ``TAROT_JOB_DIR``; what is there already is not fetched again."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from tarot_tui.hub.launch import on_disk
from tarot_tui.jobs import task, worker
from tarot_tui.locale import _
from tarot_tui.training.base import locate

_SECONDS = 1.0


def main() -> int:
    """Run the job and return its exit code."""
    return task.main(_run, _("This is the worker of a download: start one with 'tarot-tui models get NAME'."))


def _run(_folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    threading.Thread(target=_tell, args=(request["name"], request["size"]), daemon=True).start()
    found = locate(request["name"], lambda line: print(line, flush=True))
    worker.progress(request["size"], request["size"], "bytes", request["name"])
    return {"folder": str(found)}


def _tell(name: str, total: int) -> None:
    """Say how much has arrived, until the process ends; stop it when somebody asks, since nothing is lost by that."""
    moment = threading.Event()
    while True:
        worker.progress(min(on_disk(name), total), total, "bytes", name)
        if worker.stop_requested():
            worker.result("stopped")
            os._exit(0)
        moment.wait(_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
