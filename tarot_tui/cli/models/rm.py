"""``tarot-tui models rm NAME``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("name", metavar="NAME", help=_("its name on the hub, such as Qwen/Qwen3-8B"))
    parser.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def run(args: Namespace) -> int:
    """``--json``: removed, freed (bytes)."""
    from tarot_tui.hub.cache import find, remove

    found = find(args.name)
    question = _(
        "Remove {name} ({size}) from this machine? Runs made from it cannot be exported then."
    ).format(name=one_line(found.name, 80), size=size(found.size))
    if not agreed(args, question):
        say(args, _("Nothing was removed."))
        return 3
    freed = remove(found.name)
    if args.json:
        emit({"removed": found.name, "freed": freed})
    say(
        args,
        _("{name} is removed, {size} are free again.").format(
            name=one_line(found.name, 80), size=size(freed)
        ),
    )
    return 0
