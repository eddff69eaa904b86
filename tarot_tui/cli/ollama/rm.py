"""``tarot-tui ollama rm NAME [--yes]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _
from tarot_tui.text import size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model in Ollama"))
    parser.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def run(args: Namespace) -> int:
    """Ask, then remove. ``--json``: removed."""
    from tarot_tui.serving.ollama import Ollama, full_name

    name = full_name(args.name)
    with Ollama(args.host) as ollama:
        known = ollama.find(name)
        question = _("Remove '{name}' ({size}) from Ollama at {url}?").format(
            name=name, size=size(known.size if known else 0), url=ollama.url
        )
        if known and not agreed(args, question):
            say(args, _("Nothing was removed."))
            return 3
        ollama.delete(known.name if known else name)
    if args.json:
        emit({"removed": name})
    say(args, _("'{name}' is removed.").format(name=name))
    return 0
