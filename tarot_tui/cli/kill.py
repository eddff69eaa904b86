"""``tarot-tui kill [RUN] [--wait]``: what ``stop --now`` does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli import stop
from tarot_tui.cli.watch import run_help
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    parser.add_argument("--wait", action="store_true", help=_("return when it has ended"))
    parser.set_defaults(now=True)


def run(args: Namespace) -> int:
    """End the run without saving; ``--json``: its name and what was asked."""
    return stop.run(args)
