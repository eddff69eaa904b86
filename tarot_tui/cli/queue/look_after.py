"""``tarot-tui queue run``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """No options of its own."""


def run(args: Namespace) -> int:
    """Start the runner, which ends by itself when nothing waits; ``--json``: ``{"started": bool}``."""
    from tarot_tui.jobs import queue

    project = project_of(args)
    started = bool(queue.entries(project)) and queue.ensure_runner(project)
    if started:
        say(args, _("The queue is looked after from now on, also without this terminal."))
    elif queue.entries(project):
        say(args, _("The queue is looked after already."))
    else:
        say(args, _("Nothing waits."))
    if args.json:
        emit({"started": started})
    return 0
