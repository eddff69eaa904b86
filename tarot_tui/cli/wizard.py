"""``tarot-tui [DIR] [--plain]``: the wizard, in screens or line by line."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, find

_COMMANDS = ("doctor", "data build", "train --dry-run", "train --follow", "export", "ollama import", "chat")


def run(args: Namespace) -> int:
    """Open the wizard on the project in ``args.dir``; without a project there it offers to make one."""
    folder = Path(args.dir or args.project or Path.cwd()).absolute()
    project = project_in(folder)
    if project:
        from tarot_tui.cli.output import adopt

        adopt(args, project)
    if args.plain or (is_terminal() and not can_draw()):
        from tarot_tui.plain.wizard import run_plain

        return run_plain(project, folder)
    if not can_draw():
        raise BadInput(
            _(
                "The wizard needs a terminal; 'tarot-tui --plain' reads its answers from anywhere. Step by step "
                "instead: {commands}."
            ).format(commands=", ".join(f"tarot-tui {words}" for words in _COMMANDS))
        )
    from tarot_tui.tui import first_lines, memory
    from tarot_tui.tui.first_frame import first_frame

    memory.hold()
    with first_frame(partial(first_lines.step, project) if project else first_lines.welcome):
        memory.import_asyncio()
        from tarot_tui.tui.app import run_wizard

        return run_wizard(project, folder)


def is_terminal() -> bool:
    """Whether somebody can be asked and answered."""
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def can_draw() -> bool:
    """Whether input and output are a terminal that understands cursor movement."""
    return is_terminal() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def project_in(folder: Path) -> Project | None:
    """The project that ``folder`` lies in, if there is one."""
    try:
        return find(folder)
    except BadInput:
        return None
