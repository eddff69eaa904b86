"""``tarot-tui queue move RUN PLACE``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import project_of
from tarot_tui.cli.queue import list as listing
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", metavar="RUN", help=_("a run that waits"))
    parser.add_argument("place", metavar="PLACE", type=int, help=_("its new place; 1 is the first"))


def run(args: Namespace) -> int:
    """Move it and list the queue."""
    from tarot_tui.jobs import queue
    from tarot_tui.jobs.find import resolve

    project = project_of(args)
    queue.move(project, resolve(project, args.run).name, args.place)
    return listing.run(args)
