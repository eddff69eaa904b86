"""``tarot-tui recipe presets``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, table
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: a list of name, about, text (the YAML)."""
    from tarot_tui.training.presets import presets

    if args.json:
        emit([{"name": one.name, "about": one.about, "text": one.text} for one in presets()])
        return 0
    print("\n".join(table([(one.name, one.about) for one in presets()], (_("preset"), _("for")))))
    return 0
