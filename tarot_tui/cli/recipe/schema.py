"""``tarot-tui recipe schema``"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """Print the schema; ``--json`` puts it on one line."""
    from tarot_tui.training.schema import json_schema

    if args.json:
        emit(json_schema())
    else:
        print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
    return 0
