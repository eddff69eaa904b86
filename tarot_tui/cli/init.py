"""``tarot-tui init [DIR] [--example]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _
from tarot_tui.project import create


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR", help=_("the folder (default: this one)"))
    parser.add_argument(
        "--example", action="store_true", help=_("put our tarot deck, its templates and recipes into it")
    )


def run(args: Namespace) -> int:
    """Make the project and say what to do next."""
    project = create(args.dir or args.project or Path.cwd(), example=args.example)
    if args.json:
        emit({"project": str(project.root.resolve())})
    say(args, _("Project ready in {folder}.").format(folder=project.root))
    say(
        args,
        _("Next, this opens the wizard: {command}").format(
            command=f"tarot-tui {shlex.quote(str(project.root))}"
        ),
    )
    return 0
