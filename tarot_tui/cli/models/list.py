"""``tarot-tui models list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

from tarot_tui.cli.output import emit, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of name, size (bytes), used (seconds since the epoch), whole, folder."""
    from tarot_tui.hub.cache import cached

    found = cached()
    if args.json:
        emit([vars(one) | {"folder": str(one.folder)} for one in found])
    elif not found:
        say(args, _("No base models are on this machine yet."))
    else:
        rows = [
            (
                one_line(one.name, 60),
                size(one.size),
                f"{datetime.fromtimestamp(one.used):%Y-%m-%d}" if one.used else "–",
                _("whole") if one.whole else _("part of it"),
            )
            for one in found
        ]
        print("\n".join(table(rows, (_("name"), _("size"), _("used"), _("state")))))
        say(args, _("{size} in all").format(size=size(sum(one.size for one in found))))
    return 0
