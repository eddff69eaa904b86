"""``tarot-tui data status [NAME…]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line

_STATES = {
    "current": N_("up to date"),
    "stale": N_("stale"),
    "unknown": N_("not made here"),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "names", nargs="*", default=[], metavar="NAME", help=_("only these datasets (default: all)")
    )


def run(args: Namespace) -> int:
    """``--json``: a list of objects with name, state (``current``, ``stale``, ``unknown``), why, command.

    Exit code 0 whatever the states are.
    """
    from tarot_tui.data.status import status

    found = status(project_of(args), args.names or None)
    if args.json:
        emit([one.as_dict() for one in found])
        return 0
    if not found:
        say(args, _("No datasets yet: 'tarot-tui data build' makes one."))
    for one in found:
        reasons = f" ({'; '.join(one.why)})" if one.why else ""
        state = _("{name}: {words}").format(name=one_line(one.name), words=_(_STATES[one.state]))
        say(args, state + reasons)
        if one.state == "stale" and one.command:
            say(args, "      " + _("fix: {fix}").format(fix=one.command))
    return 0
