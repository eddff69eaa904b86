"""Whether what is to be written fits."""

from __future__ import annotations

import shutil
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import size


def check_space(folder: Path, needed: int) -> None:
    """Raise BadInput when ``needed`` bytes do not fit on the disk of ``folder``."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BadInput(
            _(
                "The export needs {needed} in {folder} and {free} are free: make room, or choose a smaller --quant."
            ).format(needed=size(needed), folder=folder, free=size(free))
        )
