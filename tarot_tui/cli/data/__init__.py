"""``tarot-tui data VERB …``: one module per verb of its own, as in the room above."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does. Its module is ``tarot_tui.cli.data.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "build": N_("make a dataset of spreadsheets, documents and other files"),
    "templates": N_("list ready templates, and copy one into the project"),
    "fetch": N_("download a dataset of the Hugging Face hub, as sources"),
    "synth": N_("let a language model write a dataset from documents"),
    "convert": N_("write samples in another form: Alpaca, messages, ShareGPT"),
    "split": N_("part a dataset into samples to learn and samples to measure on"),
    "status": N_("say which datasets are older than what they were made of"),
    "show": N_("count a dataset and print samples, as they are or as a model sees them"),
    "check": N_("say what is wrong with the samples of a dataset, and fix it"),
    "edit": N_("edit a sample; the file stays as it is"),
    "drop": N_("leave samples out; the file stays as it is"),
    "undo": N_("take the latest edit, drop or fix back"),
    "list": N_("list the datasets of this project"),
}

_inner = Inner(__name__, VERBS)
arguments, run = _inner.arguments, _inner.run
