"""``tarot-tui resume [RUN] [--follow]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.watch import run_help
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    parser.add_argument("--follow", action="store_true", help=_("stay and show its log until it ends"))


def run(args: Namespace) -> int:
    """Start the run again where it left off; ``--json``: its name, state and attempt."""
    from tarot_tui.jobs import control, follow
    from tarot_tui.jobs.find import resolve

    folder = resolve(project_of(args), args.run)
    found = control.resume(folder)
    say(args, _("{name} goes on; watch it with: tarot-tui watch {name}").format(name=folder.name))
    code = 0
    if args.follow:
        found = follow.follow(folder, on_line=lambda line: say(args, line))
        say(args, follow.closing_words(folder, found))
        code = follow.exit_code(found)
    if args.json:
        emit({"name": folder.name, "state": found.state, "attempt": found.attempt})
    return code
