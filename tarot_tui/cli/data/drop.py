"""``tarot-tui data drop NAME N…``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "numbers", nargs="+", type=int, metavar="N", help=_("numbers of samples; 1 is the first")
    )
    parser.add_argument(
        "--back",
        action="store_true",
        default=False,
        help=_("give them back instead, as they were in the file"),
    )


def run(args: Namespace) -> int:
    """``--json``: change (its number), dataset, do, samples (their numbers)."""
    from tarot_tui.data.preview import Preview

    preview = Preview(project_of(args), args.name).settle()
    do, numbers = "keep" if args.back else "drop", sorted(set(args.numbers))
    change = preview.change(numbers, do)
    if args.json:
        emit({"change": change, "dataset": args.name, "do": do, "samples": numbers})
        return 0
    text = (
        _("{count} samples are as they were in the file.")
        if args.back
        else _("{count} samples are left out from now on; the file stays as it is.")
    )
    say(
        args,
        text.format(count=len(numbers)),
        _("take it back: {command}").format(command=f"tarot-tui data undo {shlex.quote(args.name)}"),
    )
    return 0
