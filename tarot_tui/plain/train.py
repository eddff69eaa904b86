"""Step 4: start a run, follow it, stop it, go on with it."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.jobs import status
from tarot_tui.jobs.gpus import claimed, readings
from tarot_tui.jobs.status import named
from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.tui import commands, spread, steps
from tarot_tui.tui.machine import checked
from tarot_tui.tui.spread import Spread

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
        words = _("{name}: {state}. {reason}")
        tell(words.format(name=runs[-1].name, state=named(state), reason=state.reason).strip())
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
    if what == "start":
        _ask_where(project, recipe)
    argv = ["resume", runs[-1].name] if what == "resume" else _command(project, recipe)
    if what == "start" and do(project, [*argv, "--dry-run"]):
        return False
    if what == "start" and not ask.yes(
        _("Start it? It runs on its own, whatever becomes of this terminal."), offered=True
    ):
        return False
    if do(project, argv):
        return False
    return _while_it_runs(project, steps.runs(project)[-1])


def _command(project: Project, recipe: str) -> list[str]:
    return commands.train(recipe, engine=steps.chosen_engine(project), where=spread.words(project))


def _ask_where(project: Project, recipe: str) -> None:
    """On which GPUs, or on how many processes, where there is a choice; remembered as the screens do."""
    if not spread.matters(project, recipe):
        return
    before = spread.chosen(project)
    if spread.slurm_here() and ask.yes(_("Give it to Slurm (sbatch)?"), offered=before.slurm):
        partition = ask.text(_("Which partition? Empty: the usual one."), before.partition, _partition)
        gpus = int(ask.text(_("How many GPUs, a process on each?"), str(before.processes), _few))
        spread.choose(project, Spread((), gpus, True, partition))
        return
    tell(_("Looking for GPUs…"))
    found, taken = checked({"gpus": readings()}), claimed(project)
    picked: list[str] = []
    if found:
        options = [(_("the idlest, whichever they are when it starts"), "")]
        for gpu in found:
            said = ", ".join((spread.room_on(gpu), spread.who_is_on(gpu, taken), gpu.name))
            options.append((f"GPU {gpu.index}: {said}", gpu.index))
        picked = ask.several(_("Which GPUs, with commas between?"), options, before.gpus or [""])
    named = () if "" in picked else tuple(gpu.index for gpu in found if gpu.index in picked)
    processes = 1 if named else int(ask.text(_("How many processes?"), str(before.processes), _few))
    spread.choose(project, Spread(named, processes))


def _few(answer: str) -> None:
    if not (answer.isdecimal() and 1 <= int(answer) <= spread.MOST):
        raise BadInput(_("Answer with a number from 1 to {count}.").format(count=spread.MOST))


def _partition(answer: str) -> None:
    if not spread.is_partition(answer):
        raise BadInput(_("{name} is no name of a partition.").format(name=one_line(answer, 40)))


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
    tell(_("{state}. {reason}").format(state=named(state), reason=state.reason).strip())
    return state.state == "finished"


WALKS = {"train": walk}
