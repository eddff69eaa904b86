"""``tarot-tui ollama VERB …``: what Ollama holds, and what this project brings there."""

from __future__ import annotations

from argparse import ArgumentParser

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_, _

#: verb → what it does.
VERBS = {
    "import": N_("bring a model of this project into Ollama, and prove its prompt there"),
    "check": N_("prove the prompt of an imported model again, after an update of Ollama say"),
    "list": N_("list the models that Ollama holds"),
    "show": N_("what Ollama knows about a model: template, system prompt, parameters"),
    "copy": N_("give a model in Ollama a second name"),
    "rm": N_("remove a model from Ollama"),
}


def _host(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--host", default=None, metavar="URL", help=_("the Ollama server (default: OLLAMA_HOST)")
    )


_inner = Inner(__name__, VERBS, modules={"import": "bring"}, more=_host)
arguments, run = _inner.arguments, _inner.run
