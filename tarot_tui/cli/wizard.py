"""``tarot-tui [DIR]``: the wizard."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, find


def run(args: Namespace) -> int:
    """Open the wizard on the project in ``args.dir``; without a project there it offers to make one."""
    folder = Path(args.dir or args.project or Path.cwd()).absolute()
    if not can_draw():
        raise BadInput(
            _(
                "The wizard needs a terminal that can draw (TERM is '{term}'). Step by step instead: {commands}."
            ).format(
                term=os.environ.get("TERM", ""),
                commands=", ".join(
                    f"tarot-tui {words}"
                    for words in (
                        "doctor", "data build", "train --dry-run", "train --follow", "export", "ollama import",
                        "chat",
                    )
                ),
            )
        )  # fmt: skip
    from tarot_tui.cli.output import adopt
    from tarot_tui.tui.app import run_wizard

    project = _project_in(folder)
    if project:
        adopt(args, project)
    return run_wizard(project, folder)


def can_draw() -> bool:
    """Whether input and output are a terminal that understands cursor movement."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) and os.environ.get(
        "TERM", ""
    ) not in ("", "dumb")


def _project_in(folder: Path) -> Project | None:
    try:
        return find(folder)
    except BadInput:
        return None
