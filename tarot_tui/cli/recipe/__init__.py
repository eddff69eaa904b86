"""``tarot-tui recipe VERB …``: what to train, as a file: begun, shown, checked, taken over from elsewhere."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does. Its module is ``tarot_tui.cli.recipe.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "new": N_("begin a recipe, from a preset or with every key explained"),
    "show": N_("print what a recipe comes to, and what each value does"),
    "check": N_("say all that speaks against a recipe, and start nothing"),
    "import": N_("take over a LLaMA-Factory configuration or command, and mend it"),
    "presets": N_("list the recipes to start from"),
    "schema": N_("print the JSON schema of recipes, for your editor"),
}

_inner = Inner(__name__, VERBS)
arguments, run = _inner.arguments, _inner.run
