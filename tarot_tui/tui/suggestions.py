"""What the steps begin with when nobody has said anything: the likeliest documents, template, run and name.

Free of textual, so that plain-text front ends suggest the same.
"""

from __future__ import annotations

from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.locale import language
from tarot_tui.project import Project
from tarot_tui.tui import steps


def documents(project: Project) -> list[str]:
    """The documents in ``sources/``, relative to the project; what cannot be listed is not there."""
    from tarot_tui.data.sources import collect

    try:
        return [path.relative_to(project.root).as_posix() for path in collect([project.sources])]
    except TarotError:
        return []


def template(project: Project) -> str:
    """The template of the dataset built last, else the example's in the user's language, else any; may be empty."""
    names = sorted(path.stem for path in project.templates.glob("*.yaml"))
    tail = "-zh" if language().startswith("zh") else "-en"
    wished = [
        str(project.recall("dataset")),
        f"tarot{tail}",
        *(name for name in names if name.endswith(tail)),
    ]
    return next((name for name in [*wished, *names] if name in names), "")


def exportable(project: Project) -> list[Path]:
    """The runs that have something to export, oldest first."""
    return [
        run
        for run in steps.runs(project)
        if any((run / name).is_file() for name in ("adapter_model.safetensors", "model.safetensors"))
        or any(run.glob("checkpoint-*"))
    ]


def free_release_name(project: Project, run: str) -> str:
    """A name for a release of ``run`` that no other has."""
    from tarot_tui.jobs.find import slug

    taken = steps.release_names(project)
    plain = slug(project.jobs / run)
    return next(name for name in (plain, *(f"{plain}-{i}" for i in range(2, 1000))) if name not in taken)
