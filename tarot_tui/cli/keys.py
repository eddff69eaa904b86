"""``tarot-tui keys``: every key of the wizard as it is now, as the file that changes them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit
from tarot_tui.errors import BadInput
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """None of its own; where the file lies is said below."""
    from tarot_tui import personal

    parser.epilog = _("To change keys, write the lines that you change into {file}.").format(
        file=personal.folder() / "keys.toml"
    )


def run(args: Namespace) -> int:
    """Print the table. ``--json``: one object, from action to keys. Raises BadInput when the user's file is wrong."""
    from tarot_tui.tui import keymap

    own, problems = keymap.load()
    if problems:
        raise BadInput(" ".join(problems))
    if args.json:
        tables = keymap.tables().values()
        emit({key.id: own.get(key.id, key.keys) for table in tables for key in table if key.id})
    else:
        print(f"# {keymap.path()}")
        print(keymap.as_toml(own))
    return 0
