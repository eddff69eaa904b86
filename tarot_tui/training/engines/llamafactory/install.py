"""The commands that install LLaMA-Factory in an environment of its own; nothing is run here."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.setup.commands import Command, torch_index
from tarot_tui.text import one_line, size
from tarot_tui.training.engines.llamafactory.environments import NAME, home

#: The version that is installed unless another is asked for.
VERSION = "0.9.5"
_VERSION = re.compile(r"\d+(\.\w+)*", re.ASCII)
#: What each version is installed with. Its own limits alone let pip take transformers 5.6.0, which its authors have
#: excluded since; these were tested together. Another version is installed with what pip finds within its limits.
PINS: dict[str, tuple[str, ...]] = {
    "0.9.5": (
        "transformers==5.5.4",
        "peft==0.18.1",
        "accelerate==1.11.0",
        "datasets==4.0.0",
        "trl==0.24.0",
        "bitsandbytes>=0.48",
    )
}
_OTHERS = ("transformers!=5.6.0", "bitsandbytes>=0.48")
_TORCH = ("torch", "torchvision", "torchaudio")
#: Roughly what it takes on the disk, with and without CUDA's libraries.
_CUDA, _CPU = 9_000_000_000, 2_500_000_000


@dataclass(frozen=True)
class Wanted:
    """folder: of the environment. version: of LLaMA-Factory. python: that makes the environment. index: PyTorch's,
    ``default`` for pip's own. wheelhouse: a folder of wheels; then nothing is fetched. uv: whether uv does it."""

    folder: Path
    version: str
    python: str
    index: str
    wheelhouse: Path | None = None
    uv: bool = False

    @property
    def interpreter(self) -> str:
        """The Python of the environment."""
        return str(self.folder / "bin" / "python")

    @property
    def bytes(self) -> int:
        """About how much disk it takes."""
        return _CPU if self.index.endswith("/cpu") else _CUDA


def wanted(
    version: str = VERSION,
    python: str | None = None,
    *,
    index: str | None = None,
    wheelhouse: Path | None = None,
) -> Wanted:
    """What to install, with the PyTorch that fits this machine unless ``index`` says which.

    Raises BadInput for a version or Python that cannot be, Refused when the driver is too old or the disk too small.
    """
    if not _VERSION.fullmatch(version):
        raise BadInput(
            _("'{version}' is no version: write it as {example}.").format(
                version=one_line(version, 40), example=VERSION
            )
        )
    if python and not shutil.which(python):
        raise BadInput(
            _("There is no '{python}' on this machine: name another with --python.").format(
                python=one_line(python, 80)
            )
        )
    if wheelhouse is not None and not any(wheelhouse.expanduser().glob("*.whl")):
        raise BadInput(_("{folder} holds no wheels.").format(folder=wheelhouse))
    found = Wanted(
        home() / f"{NAME}-{version}",
        version,
        python or sys.executable,
        index or torch_index(),
        wheelhouse.expanduser().absolute() if wheelhouse else None,
        uv=wheelhouse is None and shutil.which("uv") is not None,
    )
    place = next(folder for folder in found.folder.parents if folder.exists())
    free = shutil.disk_usage(place).free
    if found.bytes > free and not found.folder.exists():
        raise Refused(
            _(
                "The environment takes about {size}, and {folder} has {free} free: set XDG_DATA_HOME to a folder on a larger disk."
            ).format(size=size(found.bytes), folder=place, free=size(free))
        )
    return found


def commands(found: Wanted) -> list[Command]:
    """What to run, in order; the last proves that it works and takes it into use."""
    steps = []
    if not (found.folder / "pyvenv.cfg").is_file():
        make = (
            ("uv", "venv", "--python", found.python, str(found.folder))
            if found.uv
            else (found.python, "-m", "venv", str(found.folder))
        )
        steps.append(Command("environment", _("a Python environment of its own"), make))
    source = () if found.index == "default" else ("--index-url", found.index)
    where = _("from the wheelhouse") if found.wheelhouse else found.index.rpartition("/")[2]
    steps.append(
        Command(
            "torch",
            _("PyTorch as it fits this machine ({index})").format(index=where),
            _install(found, _TORCH, source),
        )
    )
    pins = PINS.get(found.version, _OTHERS)
    steps.append(
        Command(
            "packages",
            _("LLaMA-Factory and the versions it works with"),
            _install(found, (f"{NAME}=={found.version}", *pins)),
        )
    )
    proof = (sys.executable, "-P", "-m", "tarot_tui", "engines", "use", NAME, str(found.folder), "-q")
    return [*steps, Command("proof", _("proof that it works, and from now on it is used"), proof)]


def _install(found: Wanted, packages: tuple[str, ...], source: tuple[str, ...] = ()) -> tuple[str, ...]:
    pip = (
        ("uv", "pip", "install", "--python", found.interpreter)
        if found.uv
        else (found.interpreter, "-m", "pip", "install")
    )
    quiet = () if found.uv else ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    if found.wheelhouse:
        source = ("--no-index", "--find-links", str(found.wheelhouse))
    return (*pip, *quiet, *source, *packages)
