"""``tarot-tui queue [VERB] …``: runs that wait for a free GPU or for each other."""

from __future__ import annotations

import argparse
import importlib
from argparse import ArgumentParser, Namespace

from tarot_tui.cli import common
from tarot_tui.locale import N_, _

#: verb → its module in this package and what it does.
VERBS = {
    "list": ("list", N_("list what waits, in the order of its turn, and why (as without a verb)")),
    "add": ("add", N_("let a run, or a new run of a recipe, wait for its turn")),
    "move": ("move", N_("give a waiting run another place, or let one be tried again")),
    "rm": ("rm", N_("let a run wait no more; the run itself stays")),
    "run": ("look_after", N_("start what waits, after a reboot for example; goes on without this terminal")),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", metavar="|".join(VERBS))
    parser.set_defaults(what="list")
    for name, (_module, what) in VERBS.items():
        # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
        inner = verbs.add_parser(name, help=_(what), description=_(what), argument_default=argparse.SUPPRESS)
        common(inner)
        _of(name).arguments(inner)


def run(args: Namespace) -> int:
    """Do what the inner verb says."""
    return _of(args.what).run(args)


def _of(verb: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"tarot_tui.cli.queue.{VERBS[verb][0]}")
