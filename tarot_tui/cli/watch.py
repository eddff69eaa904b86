"""``tarot-tui watch [RUN] [--once]``"""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import NoReturn

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.runs import clock, done
from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.jobs.steps import Step
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, one_line, size

#: Cells and lines of the curve in a printed picture, at most.
_CHART = 90, 10


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN|DIR",
        help=_(
            "a run's name, the beginning of it, or -1 for the latest; or the output folder of a training that "
            "LLaMA-Factory or transformers runs. Without it: the only run, or the list of them"
        ),
    )
    parser.add_argument("--once", action="store_true", help=_("print how it is now, and end"))


def run_help() -> str:
    """What RUN may be; the same for every verb that takes one."""
    return _("a run's name, the beginning of it, or -1 for the latest (default: -1)")


def run(args: Namespace) -> int:
    """Open the screen, or print one snapshot of it (``--once``; with ``--json`` one object)."""
    from tarot_tui.jobs.snapshot import snapshot

    if args.run is None and not args.once and not args.json and _several(project_of(args)):
        _watch(project_of(args), None)
    project, folder = find_run(args, args.run or "-1")
    if args.json:
        emit(snapshot(folder).as_dict())
    elif args.once:
        say(args, *_lines(folder))
    else:
        _watch(project, folder)
    return 0


def _watch(project: Project, folder: Path | None) -> NoReturn:
    from tarot_tui.tui import first_lines, memory
    from tarot_tui.tui.first_frame import first_frame

    memory.hold()
    with first_frame(partial(first_lines.run, folder) if folder else partial(first_lines.runs, project)):
        memory.import_asyncio()
        from tarot_tui.tui.app import run_watch

        run_watch(project, folder)


def _several(project: Project) -> bool:
    from tarot_tui.jobs.find import all_jobs

    return len(all_jobs(project)) > 1


def found_run(args: Namespace) -> tuple[Project, Path]:
    """The run that ``args.run`` means, and its project; see :func:`find_run`."""
    return find_run(args, args.run)


def find_run(args: Namespace, ref: str) -> tuple[Project, Path]:
    """The run that ``ref`` means, and its project: a job, or any folder that a training writes to.

    The folder need not lie in a project; it then counts as one by itself. Raises BadInput when there is no such run.
    """
    from tarot_tui.errors import BadInput
    from tarot_tui.jobs.files import SPEC
    from tarot_tui.jobs.find import resolve
    from tarot_tui.jobs.foreign import is_foreign
    from tarot_tui.project import Project, find

    place = Path(ref).expanduser().absolute()
    if place.is_dir() and is_foreign(place):
        try:
            return find(place), place
        except BadInput:
            return Project(place), place
    if place.is_dir() and (place / SPEC).is_file():
        return Project(place.parent.parent), place
    project = project_of(args)
    return project, resolve(project, ref)


def _lines(folder: Path) -> list[str]:
    from tarot_tui.jobs.log import last_lines
    from tarot_tui.jobs.look import log_of
    from tarot_tui.jobs.snapshot import snapshot
    from tarot_tui.jobs.status import named, with_unit

    one = snapshot(folder)
    status = one.status
    width = shutil.get_terminal_size().columns
    lines = [f"{one.name}  {named(status)}" + (f"  {status.reason}" if status.reason else "")]
    progress = [with_unit(done(status), status.unit), status.what]
    if one.eta_seconds is not None:
        progress.append(_("{time} left").format(time=duration(one.eta_seconds)))
    if status.step is not None or status.what:
        lines.append(_("progress:") + " " + _(", ").join(filter(None, progress)))
    if status.started is not None:
        lines.append(
            _("started:") + f" {clock(status.started)}, " + _("runs for:") + f" {duration(one.elapsed or 0)}"
            if status.alive
            else _("started:") + f" {clock(status.started)}, " + _("took:") + f" {duration(one.elapsed or 0)}"
        )
    if metrics := _metrics(one.metrics):
        lines.append(_("metrics:") + " " + metrics)
    if one.hardware and status.alive:
        lines += _hardware(one, width)
    if one.steps:
        lines.append(_("steps:") + " " + _(", ").join(_step(step) for step in one.steps))
    lines += _curves(folder, status.total if status.unit == "steps" else None, width)
    log = last_lines(log_of(folder), 5, status.log_from)
    return lines + [f"  | {line}" for line in log]


def _hardware(one: Snapshot, width: int) -> list[str]:
    """The host in one line, a line for each GPU, and what it all means."""
    from tarot_tui.tui.hints import hints
    from tarot_tui.tui.machine import MINUTE, History
    from tarot_tui.tui.widgets.gpu_lines import row

    history = History(one.name)
    history.add(one.hardware)
    machine = history.look(0.0)
    working = one.status.state == "running" and (one.elapsed or 0) > MINUTE
    rows = ["".join(text for _role, text in row(gpu, width - 2)).rstrip() for gpu in machine.gpus]
    return [
        _("hardware:") + " " + hardware_words({**one.hardware, "gpus": []}),
        *(f"  {line}" for line in rows),
        *(f"  ! {sentence}" for _role, sentence in hints(machine, working)),
    ]


def _curves(folder: Path, end: int | None, width: int) -> list[str]:
    """The loss as the screen draws it."""
    from tarot_tui.tui.curves_reader import CurvesReader
    from tarot_tui.tui.widgets.chart import RunChart

    curves = CurvesReader(folder).read()
    if not curves.of("loss").points:
        return []
    chart = RunChart()
    chart.curves, chart.name_of_run, chart.bright, chart.end = curves, folder.name, folder.name, end
    drawn = chart.compose_lines(min(width, _CHART[0]), _CHART[1])
    return [_("loss by step:"), *("".join(text for _role, text in line).rstrip() for line in drawn)]


def _step(step: Step) -> str:
    words = {"waiting": _("waiting"), "begun": _("begun"), "done": _("done")}
    return f"{step.title or step.name} ({words[step.state]})"


def _metrics(found: dict) -> str:
    shown = ("loss", "eval_loss", "lr", "epoch", "grad_norm")
    return ", ".join(f"{key} {found[key]:.4g}" for key in shown if isinstance(found.get(key), int | float))


def hardware_words(sample: dict) -> str:
    """A hardware sample in one line; a value that the machine does not say is left out."""
    words = []
    if isinstance(cpu := sample.get("cpu"), int | float):
        words.append(f"CPU {cpu:.0f} %")
    for name, key in (("RAM", "ram"), (_("run"), "rss")):
        used, total = sample.get(f"{key}_used", sample.get(key)), sample.get(f"{key}_total")
        if isinstance(used, int | float):
            words.append(f"{name} {size(used)}" + (f" / {size(total)}" if total else ""))
    if isinstance(free := sample.get("disk_free"), int | float):
        words.append(_("disk free {size}").format(size=size(free)))
    for gpu in sample.get("gpus") or []:
        words.append(_gpu(gpu))
    return ", ".join(words)


def _gpu(gpu: dict) -> str:
    words = [f"GPU {gpu.get('index')}"]
    if gpu.get("stale"):
        return f"{words[0]} " + _("does not answer")
    if gpu.get("name"):
        words.append(one_line(str(gpu["name"]), 40))
    for key, text in (("util", "{} %"), ("temp", "{} °C"), ("power", "{} W")):
        if gpu.get(key) is not None:
            words.append(text.format(gpu[key]))
    if gpu.get("mem_total"):
        words.append(f"{size(gpu['mem_used'])} / {size(gpu['mem_total'])}")
    return " ".join(words)
