"""``tarot-tui glossary [WORD]``: what the words mean."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, say
from tarot_tui.glossary import WORDS, look_up
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """The word, or none for all."""
    parser.add_argument("word", nargs="*", metavar="WORD", help=_("a word, such as 'lora rank'; none: all"))


def run(args: Namespace) -> int:
    """Print one word or all of them. ``--json``: a list of objects with term, text, also."""
    words = [look_up(" ".join(args.word))] if args.word else list(WORDS)
    if args.json:
        emit([{"term": word.term, "text": _(word.text), "also": list(word.also)} for word in words])
    for word in words:
        also = f"  ({', '.join(word.also)})" if word.also else ""
        say(args, f"{word.term}{also}", textwrap.indent(_(word.text), "  "))
    return 0
