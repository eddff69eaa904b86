"""The commands that make an environment for this machine, each with the reason for it; nothing is run here."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tarot_tui import __version__
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.text import size

#: What can be installed beside the screens, and roughly how many bytes of disk each takes.
EXTRAS = {"train": 1_200_000_000, "export": 300_000_000, "chat": 400_000_000}
#: Roughly what PyTorch takes, CUDA libraries included, and without them.
_TORCH_CUDA, _TORCH_CPU, _BARE = 6_500_000_000, 900_000_000, 250_000_000
_INDEX = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Command:
    """One step: its name, what it is for in one sentence, the words of the command."""

    name: str
    title: str
    argv: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return asdict(self) | {"argv": list(self.argv)}


@dataclass(frozen=True)
class Wanted:
    """folder: of the environment. extras: of :data:`EXTRAS`. index: PyTorch's, ``default`` for pip's own.

    wheelhouse: a folder made by ``--bundle``; then nothing is fetched. uv: whether uv makes it rather than pip.
    """

    folder: Path
    extras: tuple[str, ...]
    index: str
    wheelhouse: Path | None = None
    uv: bool = False

    @property
    def python(self) -> str:
        """The Python of the environment."""
        return str(self.folder / "bin" / "python")

    @property
    def torch(self) -> bool:
        """Whether PyTorch is among what is installed."""
        return bool({"train", "export"} & set(self.extras))

    @property
    def bytes(self) -> int:
        """About how much disk it takes."""
        torch = (_TORCH_CPU if self.index.endswith("/cpu") else _TORCH_CUDA) if self.torch else 0
        return _BARE + torch + sum(EXTRAS[extra] for extra in self.extras)


def wanted(
    folder: Path,
    extras: Iterable[str] = tuple(EXTRAS),
    *,
    index: str | None = None,
    wheelhouse: Path | None = None,
) -> Wanted:
    """The environment to make in ``folder``, with the PyTorch that fits this machine unless ``index`` says which.

    Raises BadInput for an unknown extra or a wheelhouse that is none, Refused when the driver is too old for any PyTorch
    of today.
    """
    folder = folder.expanduser().absolute()
    extras = tuple(dict.fromkeys(extras))
    if unknown := [extra for extra in extras if extra not in EXTRAS]:
        raise BadInput(
            _("There is no extra '{extra}'; there are {known}.").format(
                extra=unknown[0], known=", ".join(EXTRAS)
            )
        )
    if wheelhouse is not None:
        wheelhouse = wheelhouse.expanduser().absolute()
        if not any(wheelhouse.glob("*.whl")):
            raise BadInput(
                _("{folder} holds no wheels: 'tarot-tui setup --bundle' makes such a folder.").format(
                    folder=wheelhouse
                )
            )
    return Wanted(
        folder,
        extras,
        index or torch_index(),
        wheelhouse,
        uv=wheelhouse is None and shutil.which("uv") is not None,
    )


def check_place(found: Wanted) -> None:
    """Raise BadInput when its folder is something else, Refused when its disk is too small."""
    if not _is_free(found.folder):
        raise BadInput(
            _("{folder} is there and is no Python environment: name another folder.").format(
                folder=found.folder
            )
        )
    if not (found.folder / "pyvenv.cfg").exists():
        check_disk(found.folder, found.bytes)


def _is_free(folder: Path) -> bool:
    """Whether an environment may be made in ``folder``, or is there already."""
    if not folder.is_dir():
        return not folder.exists()
    return (folder / "pyvenv.cfg").is_file() or not any(folder.iterdir())


def torch_index() -> str:
    """Where the PyTorch that fits this machine comes from. Raises Refused when the driver is too old for any of today."""
    from tarot_tui.doctor.nvidia import look
    from tarot_tui.doctor.torch_checks import wheel

    nvidia = look()
    if not nvidia.gpus:
        return f"{_INDEX}/cpu"
    tag = wheel(nvidia)
    if not tag:
        raise Refused(
            _(
                "The NVIDIA driver {driver} is too old for any PyTorch of today: update it, or say --torch-index "
                "{index}/cpu to go without the GPU."
            ).format(driver=nvidia.driver, index=_INDEX)
        )
    return f"{_INDEX}/{tag}"


def check_disk(folder: Path, needed: int) -> None:
    """Raise Refused when ``needed`` bytes do not fit on the disk where ``folder`` is, or will be."""
    place = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise Refused(
            _(
                "The environment takes about {size}, and {folder} has {free} free: make room there, or name a folder "
                "on another disk."
            ).format(size=size(needed), folder=place, free=size(free))
        )


def constraints() -> Path:
    """The versions that were tested together; beside the package, or in the source tree it is run from."""
    here = Path(__file__).resolve().parents[1]
    beside = here / "constraints.txt"
    return beside if beside.is_file() else here.parent / "constraints.txt"


def commands(found: Wanted, ourselves: Path | None) -> list[Command]:
    """What to run, in order. ``ourselves``: our own wheel when no index has it."""
    steps = []
    if not (found.folder / "pyvenv.cfg").is_file():
        make = (
            ("uv", "venv", "--python", sys.executable, str(found.folder))
            if found.uv
            else (sys.executable, "-m", "venv", str(found.folder))
        )
        steps.append(Command("environment", _("a Python environment of its own"), make))
    if found.torch:
        source = () if found.index == "default" else ("--index-url", found.index)
        title = _("PyTorch as it fits this machine ({index})").format(
            index=_("from the wheelhouse") if found.wheelhouse else found.index.rpartition("/")[2]
        )
        steps.append(Command("torch", title, _install(found, "torch", source)))
    name = f"{ourselves}" if ourselves else f"tarot-tui=={__version__}"
    extras = f"[{','.join(found.extras)}]" if found.extras else ""
    package = f"tarot-tui{extras} @ {ourselves.as_uri()}" if ourselves else name.replace("==", f"{extras}==")
    steps.append(Command("packages", _("tarot-tui and what it works with"), _install(found, package)))
    steps.append(
        Command("proof", _("proof that it works"), (found.python, "-P", "-m", "tarot_tui", "doctor", "-q"))
    )
    return steps


def _install(found: Wanted, package: str, source: tuple[str, ...] = ()) -> tuple[str, ...]:
    pip = (
        ("uv", "pip", "install", "--python", found.python)
        if found.uv
        else (found.python, "-m", "pip", "install")
    )
    quiet = () if found.uv else ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    if found.wheelhouse:
        source = ("--no-index", "--find-links", str(found.wheelhouse))
    return (*pip, *quiet, "-c", str(constraints()), *source, package)


def activate(found: Wanted) -> str:
    """How to enter the environment."""
    import shlex

    folder = os.path.relpath(found.folder) if found.folder.is_relative_to(Path.cwd()) else str(found.folder)
    return f". {shlex.quote(folder + '/bin/activate')}"
