"""``tarot-tui ollama VERB …``: what Ollama holds, and what this project brings there."""

from __future__ import annotations

import argparse
import importlib
from argparse import ArgumentParser, Namespace

from tarot_tui.cli import common
from tarot_tui.locale import N_, _

#: verb → its module in this package and what it does.
VERBS = {
    "import": ("bring", N_("bring a model of this project into Ollama, and prove its prompt there")),
    "check": ("check", N_("prove the prompt of an imported model again, after an update of Ollama say")),
    "list": ("list", N_("list the models that Ollama holds")),
    "show": ("show", N_("what Ollama knows about a model: template, system prompt, parameters")),
    "copy": ("copy", N_("give a model in Ollama a second name")),
    "rm": ("rm", N_("remove a model from Ollama")),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="|".join(VERBS))
    for name, (_module, what) in VERBS.items():
        # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
        inner = verbs.add_parser(name, help=_(what), description=_(what), argument_default=argparse.SUPPRESS)
        common(inner)
        inner.add_argument(
            "--host", default=None, metavar="URL", help=_("the Ollama server (default: OLLAMA_HOST)")
        )
        _of(name).arguments(inner)


def run(args: Namespace) -> int:
    """Do what the inner verb says."""
    return _of(args.what).run(args)


def _of(verb: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"tarot_tui.cli.ollama.{VERBS[verb][0]}")
