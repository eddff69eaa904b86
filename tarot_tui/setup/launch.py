"""Run commands that install something, as a job: it goes on without the terminal, and a second time with what is left."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.project import Project, cache_dir
from tarot_tui.setup.commands import Command

#: The kind of these jobs.
KIND = "install"


def place(project: Project | None) -> Project:
    """Where the job lives: the project, or without one a folder of ours, since a new machine has none yet."""
    if project is not None:
        return project
    root = cache_dir() / "installs"
    root.mkdir(parents=True, exist_ok=True)
    return Project(root)


def launch(project: Project | None, slug: str, title: str, commands: list[Command]) -> Path:
    """Start running ``commands`` one after the other; the job's folder."""
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create

    folder = create(
        place(project),
        KIND,
        slug,
        ["{python}", "-m", "tarot_tui.setup.worker"],
        {"commands": [command.as_dict() for command in commands]},
        total=len(commands),
        title=title,
    )
    start(folder)
    return folder
