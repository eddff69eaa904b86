"""Wheels by the user's own pip, with its mirrors, proxies and certificates: a pinned one fetched, our own made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
        *pip(), "download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--quiet", "--no-input",
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


def of_ourselves(folder: Path) -> Path | None:
    """Put this very tarot-tui into ``folder`` as a wheel, when it was installed from a source tree.

    None when it came from an index: there its version is enough. Raises TarotError when pip cannot make it.
    """
    source = _source_tree()
    if source is None:
        return None
    command = [*pip(), "wheel", "--quiet", "--no-deps", "--disable-pip-version-check", "-w", str(folder)]
    done = subprocess.run(
        [*command, str(source)], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    made = sorted(folder.glob("tarot_tui-*.whl"))
    if done.returncode or not made:
        raise TarotError(
            _("pip could not make a wheel of {source}: {reason}.").format(
                source=source, reason=last_error(done.stderr)
            )
        )
    return made[-1]


def _source_tree() -> Path | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        # Where pip took it from (packaging.python.org: "Recording the Direct URL Origin").
        url = json.loads(distribution("tarot-tui").read_text("direct_url.json") or "{}").get("url", "")
    except (PackageNotFoundError, ValueError):
        return None
    path = Path(unquote(urlsplit(url).path))
    return path if url.startswith("file:") and (path / "pyproject.toml").is_file() else None


def last_error(stderr: str) -> str:
    """The line of a program's standard error that says what was wrong."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return one_line(errors[-1].removeprefix("ERROR:").strip().rstrip(".")) if errors else "?"


def pip() -> list[str]:
    """The command that runs a pip of this Python. Raises BadInput when there is none."""
    # Environments made by uv have no pip; Python itself mostly carries one as a wheel that can be run in place.
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if (bundle := find_spec("ensurepip")) and bundle.origin:
        for wheel in sorted(Path(bundle.origin).parent.glob("_bundled/pip-*.whl")):
            return [sys.executable, str(wheel / "pip")]
    if program := shutil.which("pip3") or shutil.which("pip"):
        return [program]
    raise BadInput(_("There is no pip here to fetch wheels with: install pip into this environment."))
