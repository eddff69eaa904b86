"""``tarot-tui release VERB …``: the models that were made, what is in them, and the proof."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does. Its module is ``tarot_tui.cli.release.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "list": N_("list the models of this project"),
    "show": N_("what a model is: files, template, system prompt, proof"),
    "proof": N_("prove that what is served is what was trained"),
    "inspect": N_("what is in a GGUF file, and what is wrong with it"),
}

_inner = Inner(__name__, VERBS)
arguments, run = _inner.arguments, _inner.run
