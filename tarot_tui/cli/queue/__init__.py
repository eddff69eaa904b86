"""``tarot-tui queue [VERB] …``: runs that wait for a free GPU or for each other."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does.
VERBS = {
    "list": N_("list what waits, in the order of its turn, and why (as without a verb)"),
    "add": N_("let a run, or a new run of a recipe, wait for its turn"),
    "move": N_("give a waiting run another place, or let one be tried again"),
    "rm": N_("let a run wait no more; the run itself stays"),
    "run": N_("start what waits, after a reboot for example; goes on without this terminal"),
}

# A module of that name would hide the function 'run' of this package.
_inner = Inner(__name__, VERBS, modules={"run": "look_after"}, default="list")
arguments, run = _inner.arguments, _inner.run
