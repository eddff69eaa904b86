"""What screens do to runs, whatever their kind; it may block as long as the disk does."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.jobs import control
from tarot_tui.project import Project


def resume(folder: Path) -> None:
    """Go on with a job; a training takes up what was changed in its recipe meanwhile, as ``tarot-tui resume`` does.

    Raises Refused when it is finished or runs.
    """
    from tarot_tui.jobs.spec import kind_of

    control.check_resumable(folder)
    if kind_of(folder) == "train" and (folder / "recipe.yaml").exists():
        from tarot_tui.training.resume import apply, changes

        project = Project(folder.parents[1])
        if found := changes(project, folder):
            apply(project, folder, found, lambda line: None)
    control.resume(folder)
