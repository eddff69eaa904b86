"""Where TensorBoard, Weights & Biases and trackio find a run: under its own name, the same again when it is resumed.

None of them is given a token here: W&B takes the login that is on the machine, and without one writes to the run's
folder only.
"""

from __future__ import annotations

import netrc
import os
from pathlib import Path

from tarot_tui.locale import _


def prepare_report(report_to: str, folder: Path) -> None:
    """Tell the tool ``report_to`` what it asks the environment, for the run in ``folder``."""
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "runs")
    if report_to == "wandb":
        _wandb(folder)


def _wandb(folder: Path) -> None:
    for name, value in {
        "WANDB_PROJECT": folder.parent.parent.name,
        "WANDB_DIR": str(folder),
        "WANDB_RUN_ID": folder.name,
        "WANDB_RESUME": "allow",
        "WANDB_DISABLE_CODE": "true",
        "WANDB_SILENT": "true",
    }.items():
        os.environ.setdefault(name, value)
    if not _logged_in() and "WANDB_MODE" not in os.environ:
        os.environ["WANDB_MODE"] = "offline"
        print(
            _(
                "Nobody is logged in to Weights & Biases: its files stay in {folder}; 'wandb sync' sends them."
            ).format(folder=folder / "wandb"),
            flush=True,
        )


def _logged_in() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    server = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").partition("://")[2].partition("/")[0]
    try:
        return netrc.netrc().authenticators(server) is not None
    except (OSError, netrc.NetrcParseError):
        return False
