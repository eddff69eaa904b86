"""``tarot-tui data undo NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))


def run(args: Namespace) -> int:
    """``--json``: undone, a list of ``tarot_tui.data.overlay.Change``."""
    from tarot_tui.data import dataset, overlay

    project = project_of(args)
    entry = dataset.usable(project, args.name)
    overlay.settle(project, args.name, entry.file)  # so that the numbers told are those of now
    undone = overlay.undo(project, args.name)
    if args.json:
        emit({"undone": [asdict(change) for change in undone]})
    elif not undone:
        say(args, _("There is nothing to take back."))
    else:
        numbers = ", ".join(str(abs(change.number)) for change in undone[:20])
        say(
            args,
            _("Took change {change} back: samples {numbers}.").format(
                change=undone[0].change, numbers=numbers + (", …" if len(undone) > 20 else "")
            ),
        )
    return 0
