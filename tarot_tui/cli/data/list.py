"""``tarot-tui data list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of ``tarot_tui.data.show.Summary``, counts null where only reading would tell."""
    from tarot_tui.data.show import overview

    found = overview(project_of(args))
    if args.json:
        emit([one.as_dict() for one in found])
    elif not found:
        say(args, _("No datasets yet: 'tarot-tui data build' makes one."))
    else:
        rows = [
            (
                one_line(one.name),
                "–" if one.samples is None else str(one.samples),
                one.formatting,
                one_line(one.problem or one.file or "–"),
            )
            for one in found
        ]
        for line in table(rows, (_("name"), _("samples"), _("format"), _("file"))):
            print(plain(line))
    return 0
