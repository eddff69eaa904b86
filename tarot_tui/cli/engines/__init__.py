"""``tarot-tui engines [VERB] …``: what trains, and where it is installed."""

from __future__ import annotations

from tarot_tui.cli.inner import Inner
from tarot_tui.locale import N_

#: verb → what it does.
VERBS = {
    "list": N_("list the engines, their versions and whether they can be used (as without a verb)"),
    "install": N_("install an engine in an environment of its own, as a job"),
    "check": N_("prove that an engine works here"),
    "use": N_("take an environment into use that is there already"),
    "remove": N_("remove an engine that was installed here, or stop using one"),
}

_inner = Inner(__name__, VERBS, default="list")
arguments, run = _inner.arguments, _inner.run
