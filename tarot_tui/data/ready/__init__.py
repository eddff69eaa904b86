"""Ready templates: files that one builds with by name, or copies into a project to change them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tarot_tui.data.nearest import hint
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, safe_name, write_text
from tarot_tui.text import one_line

#: What is used when a build names no template.
DEFAULT = "old-script"
_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Ready:
    """One template. about: its first remark, in the language of the columns that it expects."""

    name: str
    about: str
    path: Path


def ready() -> list[Ready]:
    """All of them, by name."""
    return [Ready(path.stem, _about(path), path) for path in sorted(_FOLDER.glob("*.yaml"))]


def path_of(name: str) -> Path | None:
    """The file of the ready template ``name``, None when there is none."""
    return next((one.path for one in ready() if one.name == name), None)


def is_ready(path: Path) -> bool:
    """Whether the file is one of these."""
    return path.resolve().parent == _FOLDER.resolve()


def copy(project: Project, name: str, to: str | None = None) -> Path:
    """Copy a template into the project's ``templates/``, under the name ``to`` if given.

    Raises BadInput for an unknown name, and when there is one of that name already.
    """
    source = path_of(name)
    if source is None:
        names = [one.name for one in ready()]
        raise BadInput(
            _("No ready template '{name}'{hint}; there is {names}.").format(
                name=one_line(name, 60), hint=hint(name, names), names=", ".join(names)
            )
        )
    target = project.templates / f"{safe_name(to or name, _('template'))}.yaml"
    if target.exists():
        raise BadInput(_("{file} exists; choose another name with --as.").format(file=target))
    project.templates.mkdir(exist_ok=True)
    write_text(target, source.read_text("utf-8"))
    return target


def _about(path: Path) -> str:
    lines = path.read_text("utf-8").splitlines()
    return lines[0].lstrip("# ") if lines else ""
