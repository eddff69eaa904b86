"""``tarot-tui models search WORD…``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("words", metavar="WORD", nargs="+", help=_("a part of its name, such as qwen3 8b"))
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help=_("show at most so many (default: %(default)s)")
    )


def run(args: Namespace) -> int:
    """``--json``: one list of name, parameters, size (bytes), license, gated, downloads (a month), here."""
    from tarot_tui.hub.search import search

    found = search(" ".join(args.words), max(1, args.limit))
    if args.json:
        emit([vars(one) for one in found])
    elif not found:
        say(args, _("No model of that name writes text."))
    else:
        rows = [
            (
                one.name,
                billions(one.parameters),
                size(one.size) if one.size else "–",
                one_line(one.license or "–", 20),
                _("on this machine") if one.here else _("gated") if one.gated else _("open to all"),
            )
            for one in found
        ]
        print("\n".join(table(rows, (_("name"), _("parameters"), _("size"), _("licence"), _("access")))))
        say(args, _("'tarot-tui models show NAME' tells whether one can be trained and served."))
    return 0


def billions(count: int) -> str:
    """A number of parameters as people say it: ``8.2 B``, ``135 M``; a dash for 0."""
    if not count:
        return "–"
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"
