"""The files that put a project into containers: one image for tarot-tui, one for LLaMA-Factory, Ollama beside them.

The build context is the project folder; ``Dockerfile.dockerignore`` keeps everything but our own wheel out of it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tarot_tui import __version__, wheels
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _, language
from tarot_tui.project import Project, write_text
from tarot_tui.text import one_line

#: What is pinned in the files, by placeholder. CUDA goes by the driver and is found at the time of writing.
PINNED = {
    "PYTHON": "3.12.8",
    "TORCH": "2.13.0",
    "OLLAMA": "0.34.1",
    "LLAMAFACTORY": "0.9.5",
    "LLAMAFACTORY_PYTHON": "3.11.11",
    "LLAMAFACTORY_TORCH": "2.13.0",
}
#: PyTorch's builds, the newest first, and the driver from which each runs (as the doctor says it).
CUDA_BUILDS = ("cu130", "cu128", "cu126")
_FILES = {
    "Dockerfile": "Dockerfile",
    "Dockerfile.dockerignore": "Dockerfile.dockerignore",
    "Dockerfile.llamafactory": "Dockerfile.llamafactory",
    "Dockerfile.llamafactory.dockerignore": "Dockerfile.dockerignore",
    "compose.yaml": "compose.yaml",
}


@dataclass(frozen=True)
class Written:
    """folder: ``docker/`` in the project. files: written in it. cuda: PyTorch's build in the images."""

    folder: Path
    files: list[str]
    cuda: str


def write(project: Project, *, cuda: str | None = None, replace: bool = False) -> Written:
    """Write ``docker/`` into the project, with a wheel of this very tarot-tui in it.

    cuda: one of :data:`CUDA_BUILDS`; None for what this machine's driver runs. Raises BadInput for an unknown build,
    Refused when there are files already (unless ``replace``), TarotError when the wheel cannot be made.
    """
    cuda = _build(cuda)
    folder = project.root / "docker"
    taken = [name for name in _FILES if (folder / name).exists()]
    if taken and not replace:
        raise Refused(
            _("{file} exists already, and you may have edited it: pass --replace to write it anew.").format(
                file=project.relative(folder / taken[0])
            )
        )
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    wheels.of_ourselves(folder / "wheels")
    values = PINNED | {
        "CUDA": cuda,
        "VERSION": __version__,
        "NAME": _compose_name(project.root.resolve().name),
        "UID": str(os.getuid() or 1000),
        "GID": str(os.getgid() or 1000),
        "LANG": language(),
    }
    templates = files("tarot_tui.docker") / "templates"
    for name, template in _FILES.items():
        write_text(folder / name, _filled((templates / template).read_text("utf-8"), values))
    return Written(folder, sorted(_FILES), cuda)


def _build(cuda: str | None) -> str:
    if cuda in CUDA_BUILDS:
        return cuda
    if cuda is not None:
        raise BadInput(
            _("--cuda {cuda}: there are {known}.").format(
                cuda=one_line(cuda, 20), known=", ".join(CUDA_BUILDS)
            )
        )
    from tarot_tui.doctor.nvidia import look
    from tarot_tui.doctor.torch_checks import wheel

    found = look()
    # Without a card here the images are for another machine; the middle build runs on most drivers of today.
    return (wheel(found) if found.gpus else "") or "cu128"


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], text)


def _compose_name(folder: str) -> str:
    # The rule for project names in the compose specification.
    name = re.sub(r"[^a-z0-9_-]+", "-", folder.lower()).strip("-_")
    return name if name and name[0].isalnum() else "tarot"
