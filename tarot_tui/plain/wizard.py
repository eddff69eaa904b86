"""The list of steps, and the way from one to the next."""

from __future__ import annotations

import contextlib
import importlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import Back, Leave, tell
from tarot_tui.project import Project, create
from tarot_tui.tui import steps

#: Steps → the module whose ``walk(project)`` asks for one. It returns whether to go on with the next.
_MODULES = {
    "environment": "environment",
    "dataset": "dataset",
    "parameters": "parameters",
    "train": "train",
    "export": "release",
    "ollama": "release",
    "chat": "release",
}


def run_plain(project: Project | None, folder: Path) -> int:
    """Walk the steps until the user leaves; returns the exit code. ``project`` None: one is made in ``folder`` first."""
    try:
        project = project or _begin(folder)
        while True:
            step = _chosen(project)
            while step:
                step = _walked(project, step)
    except Leave:
        tell(_("Trainings and exports go on by themselves. 'tarot-tui --plain' comes back here."))
        return 0


def _begin(folder: Path) -> Project:
    tell(
        _("From a folder of documents to your own chat model, in seven steps."),
        _("Empty lines take what is offered in brackets, b goes back to the steps, q leaves."),
        "",
        _("There is no project here yet. A project is a folder that holds everything."),
    )
    while True:
        try:
            where = ask.text(_("Folder for it?"), str(folder))
            example = ask.yes(_("Put our example into it, 78 tarot cards to learn?"), offered=True)
            made = create(Path(where).expanduser(), example=example)
        except TarotError as error:
            tell(str(error))
        except Back:
            continue
        else:
            tell(_("Project ready in {folder}.").format(folder=made.root))
            return made


def _chosen(project: Project) -> str:
    marks = steps.marks(project)
    tell("", _("Steps:"))
    options = []
    for step in steps.STEPS:
        mark = marks[step.id]
        state = _("done") if mark.done else _("to do")
        said = _("{title} ({state}): {purpose}").format(
            title=_(step.title),
            state=_(", ").join(filter(None, (state, mark.note))),
            purpose=_(step.purpose),
        )
        options.append((said, step.id))
    while True:
        try:
            return ask.choose(_("Which step?"), options, steps.left_at(project))
        except Back:
            continue


def _walked(project: Project, step: str) -> str:
    """Walk one step; the next one's id, or empty to see the list again."""
    here = next(one for one in steps.STEPS if one.id == step)
    project.remember("step", step)
    tell("", f"== {_(here.title)} ==", _(here.purpose))
    try:
        done = importlib.import_module(f"tarot_tui.plain.{_MODULES[step]}").WALKS[step](project)
    except Back:
        return ""
    except TarotError as error:
        tell(str(error))
        return ""
    except KeyboardInterrupt:
        tell("", _("Interrupted; what is a job goes on."))
        return ""
    after = steps.IDS[steps.IDS.index(step) + 1 :]
    return after[0] if done and after else ""


def do(project: Project, argv: Sequence[str]) -> int:
    """Say the command, run it, and return its exit code."""
    from tarot_tui.cli import main

    tell("", _("the same from the shell, in the project folder:") + " " + shlex.join(["tarot-tui", *argv]))
    # Its paths are the project's.
    with contextlib.chdir(project.root):
        return main(list(argv))
