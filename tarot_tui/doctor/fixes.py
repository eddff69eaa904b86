"""The commands that mend things in this very Python, not in another one that happens to be on the PATH."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def is_system_python() -> bool:
    """Whether this Python is neither a virtual environment nor conda's: its packages belong to the system."""
    return sys.prefix == sys.base_prefix and not (Path(sys.prefix) / "conda-meta").is_dir()


def is_externally_managed() -> bool:
    """Whether the system forbids pip to install into this Python (PEP 668)."""
    return is_system_python() and (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists()


def new_environment() -> str:
    """The command that makes a virtual environment here and enters it."""
    return "python3 -m venv .venv && . .venv/bin/activate"


def pip_install(*arguments: str) -> str:
    """``pip install …`` for this interpreter: in a new virtual environment when the system's must stay as it is."""
    if is_externally_managed():
        # Nothing of ours is in the new one yet.
        wanted = (
            arguments if any("tarot-tui" in word for word in arguments) else ("tarot-tui[all]", *arguments)
        )
        return f"{new_environment()} && {shlex.join(['pip', 'install', *wanted])}"
    return shlex.join([*_install(), *arguments])


def _install() -> list[str]:
    ours = Path(sys.executable).parent
    on_path = shutil.which("pip")
    if on_path and os.path.samefile(Path(on_path).parent, ours):
        return ["pip", "install"]
    if find_spec("pip") is None and shutil.which("uv"):
        # Environments made by uv have no pip.
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
