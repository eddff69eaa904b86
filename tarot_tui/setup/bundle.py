"""A folder with everything an environment needs, for machines that reach no index: wheels, versions, a script."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from tarot_tui import __version__, wheels
from tarot_tui.errors import Refused, TarotError
from tarot_tui.locale import _
from tarot_tui.project import write_text
from tarot_tui.setup.commands import Wanted, check_disk, constraints

SCRIPT = "install.sh"
#: How many times smaller wheels are than what is installed of them, at the least.
_PACKED = 2
_OURS = ("constraints.txt", SCRIPT)


def bundle(found: Wanted, folder: Path) -> list[Path]:
    """Fetch the wheels of ``found`` for this Python and this kind of machine into ``folder``; the files in it.

    Raises Refused for a folder with other things in it or too small a disk, TarotError in pip's words.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and not (folder.is_dir() and all(map(_is_ours, folder.iterdir()))):
        raise Refused(_("{folder} holds other things: name a new folder.").format(folder=folder))
    check_disk(folder, found.bytes // _PACKED)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "constraints.txt", constraints().read_text("utf-8"))
    if found.torch:
        source = [] if found.index == "default" else ["--index-url", found.index]
        _download(folder, ["torch"], source)
    ours = wheels.of_ourselves(folder)
    extras = f"[{','.join(found.extras)}]" if found.extras else ""
    package = f"tarot-tui{extras} @ {ours.as_uri()}" if ours else f"tarot-tui{extras}=={__version__}"
    _download(folder, [package, "pip"], ["--find-links", str(folder)])
    write_text(folder / SCRIPT, _script(extras))
    (folder / SCRIPT).chmod(0o755)
    return sorted(folder.iterdir())


def _is_ours(path: Path) -> bool:
    return path.suffix == ".whl" or path.name in _OURS


def _download(folder: Path, packages: list[str], source: list[str]) -> None:
    command = [*wheels.pip(), "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    limits = ["--only-binary=:all:", "-c", str(folder / "constraints.txt"), "-d", str(folder)]
    done = subprocess.run(
        [*command, *limits, *source, *packages], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise TarotError(
            _("The wheels could not be fetched: {reason}.").format(reason=wheels.last_error(done.stderr))
        )


def _script(extras: str) -> str:
    """What makes the environment on the other machine, with nothing but its Python."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    package = shlex.quote(f"tarot-tui{extras}=={__version__}")
    return f"""#!/bin/sh
# Makes a Python environment in the folder named (default: .venv) out of the wheels beside this script.
# They are for Python {version} on {sys.platform}; nothing is fetched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${{1:-.venv}}
python{version} -m venv "$target"
"$target/bin/python" -m pip install --no-index --find-links "$here" -c "$here/constraints.txt" {package}
"$target/bin/tarot-tui" --version
echo ". $target/bin/activate"
"""
