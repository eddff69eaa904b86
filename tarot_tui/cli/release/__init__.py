"""``tarot-tui release VERB …``: the models that were made, what is in them, and the proof."""

from __future__ import annotations

import argparse
import importlib
from argparse import ArgumentParser, Namespace

from tarot_tui.cli import common
from tarot_tui.locale import N_, _

#: verb → what it does. Its module is ``tarot_tui.cli.release.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "list": N_("list the models of this project"),
    "show": N_("what a model is: files, template, system prompt, proof"),
    "proof": N_("prove that what is served is what was trained"),
    "inspect": N_("what is in a GGUF file, and what is wrong with it"),
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
    return importlib.import_module(f"tarot_tui.cli.release.{verb}")
