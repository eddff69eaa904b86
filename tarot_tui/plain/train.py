"""Step 4: start a run, follow it, stop it, go on with it."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.jobs import status
from tarot_tui.jobs.status import named
from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project
from tarot_tui.tui import commands, spread, steps

#: States from which a run can be gone on with.
_RESUMABLE = {"stopped", "failed", "lost"}


def walk(project: Project) -> bool:
    """What to do depends on what the latest run is doing."""
    runs = steps.runs(project)
    if runs and status.read(runs[-1]).alive:
        return _while_it_runs(project, runs[-1])
    recipe = steps.chosen_recipe(project)
    options = [(_("start a training of the recipe {name}").format(name=recipe), "start")] if recipe else []
    if runs:
        state = status.read(runs[-1])
        tell(f"{runs[-1].name}: {named(state)}. {state.reason}".strip())
        if state.state in _RESUMABLE:
            options.append((_("go on with {run}").format(run=runs[-1].name), "resume"))
        if state.state == "finished":
            options.append((_("go on to the export"), "next"))
    if not options:
        tell(_("Settle the parameters first."))
        return False
    done = options[-1][1] if runs else "start"
    what = ask.choose(_("What now?"), options, done)
    if what == "next":
        return True
    where = spread.words(project)
    if what == "start" and do(project, commands.train(recipe, dry_run=True, where=where)):
        return False
    if what == "start" and not ask.yes(
        _("Start it? It runs on its own, whatever becomes of this terminal."), offered=True
    ):
        return False
    argv = commands.train(recipe, where=where) if what == "start" else ["resume", runs[-1].name]
    if do(project, argv):
        return False
    return _while_it_runs(project, steps.runs(project)[-1])


def _while_it_runs(project: Project, run: Path) -> bool:
    while status.read(run).alive:
        do(project, ["watch", run.name, "--once"])
        what = ask.choose(
            _("What now?"),
            [
                (_("print its log until it ends (ctrl+c stops the printing only)"), "tail"),
                (_("say again how it is"), "look"),
                (_("stop it, after a checkpoint"), "stop"),
                (_("see the steps"), "back"),
            ],
            "tail",
        )
        if what == "back":
            raise ask.Back
        if what == "tail":
            do(project, ["tail", run.name, "--follow"])
        elif what == "stop" and ask.yes(_("Stop {run}?").format(run=run.name)):
            do(project, ["stop", run.name])
    state = status.read(run)
    tell(f"{named(state)}. {state.reason}".strip())
    return state.state == "finished"


WALKS = {"train": walk}
