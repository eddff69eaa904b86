"""``tarot-tui recipe VERB …``: what to train, as a file: begun, shown, checked, taken over from elsewhere."""

from __future__ import annotations

import argparse
import importlib
from argparse import ArgumentParser, Namespace

from tarot_tui.cli import common
from tarot_tui.locale import N_, _

#: verb → what it does. Its module is ``tarot_tui.cli.recipe.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "new": N_("begin a recipe, from a preset or with every key explained"),
    "show": N_("print what a recipe comes to, and what each value does"),
    "check": N_("say what is wrong with a recipe, without planning it"),
    "import": N_("take over a LLaMA-Factory configuration or command, and mend it"),
    "presets": N_("list the recipes to start from"),
    "schema": N_("print the JSON schema of recipes, for your editor"),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="|".join(VERBS))
    for name, what in VERBS.items():
        # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
        inner = verbs.add_parser(name, help=_(what), description=_(what), argument_default=argparse.SUPPRESS)
        common(inner)
        _module(name).arguments(inner)


def run(args: Namespace) -> int:
    """Do what the inner verb says."""
    return _module(args.what).run(args)


def _module(verb: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"tarot_tui.cli.recipe.{verb}")
