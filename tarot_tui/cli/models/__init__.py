"""``tarot-tui models VERB …``: base models, on this machine and on the hub."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does. Its module is ``tarot_tui.cli.models.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "list": N_("list the base models on this machine, the largest first"),
    "search": N_("look for base models on the hub, the most used first"),
    "show": N_("what a base model is, and whether it can be served as it is trained"),
    "get": N_("fetch a base model, as a job"),
    "rm": N_("remove a base model from this machine"),
}

_inner = Inner(__name__, VERBS)
arguments, run = _inner.arguments, _inner.run
