"""``tarot-tui queue rm RUN``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", metavar="RUN", help=_("a run that waits"))


def run(args: Namespace) -> int:
    """Take it out of the queue; ``--json``: ``{"job"}``."""
    from tarot_tui.jobs import queue
    from tarot_tui.jobs.find import resolve

    project = project_of(args)
    folder = resolve(project, args.run)
    queue.take_out(project, folder.name)
    say(args, _("{job} waits no more; 'tarot-tui resume {job}' starts it by hand.").format(job=folder.name))
    if args.json:
        emit({"job": folder.name})
    return 0
