"""``tarot-tui queue [list]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """No options of its own."""


def run(args: Namespace) -> int:
    """List what waits and why; ``--json``: ``{"runner": bool, "entries": [{job, after, gpus, attempt, problem, why}]}``."""
    from tarot_tui.jobs import queue

    project = project_of(args)
    found = [
        (entry, queue.not_ready(project, entry) or queue.no_room(project, entry))
        for entry in queue.entries(project)
    ]
    runner = queue.runs(project)
    if args.json:
        emit({"runner": runner, "entries": [{**asdict(entry), "why": why} for entry, why in found]})
        return 0
    if not found:
        say(args, _("Nothing waits: 'tarot-tui train --queue' or 'tarot-tui queue add' lets a run wait."))
        return 0
    rows = [
        (str(place), entry.job, str(entry.gpus or _("CPU")), why or _("can start"))
        for place, (entry, why) in enumerate(found, 1)
    ]
    say(args, *table(rows, (_("place"), _("run"), _("GPUs"), _("why it waits"))))
    if not runner:
        say(args, _("Nobody looks after the queue: 'tarot-tui queue run' starts what can start."))
    return 0
