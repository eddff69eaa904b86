"""What one person chose for every project on this machine: files in ``$XDG_CONFIG_HOME/tarot-tui``.

A choice of one word (``theme``, ``language``) is a file that holds that word, so that it can be seen and changed
without us.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def folder() -> Path:
    """Where the files are; it need not exist."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "tarot-tui"


def recall(name: str) -> str:
    """The word in that file; empty when there is none that can be read."""
    try:
        return (folder() / name).read_text("utf-8").strip()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home folder
        return ""


def remember(name: str, word: str) -> None:
    """Keep ``word``. Where it cannot be written, the choice lasts as long as the program."""
    with suppress(OSError, RuntimeError):
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / name).write_text(word + "\n", "utf-8")
