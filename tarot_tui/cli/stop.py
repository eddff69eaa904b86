"""``tarot-tui stop [RUN] [--now] [--wait]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.watch import run_help
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    parser.add_argument("--now", action="store_true", help=_("end it at once, without saving"))
    parser.add_argument("--wait", action="store_true", help=_("return when it has ended"))


def run(args: Namespace) -> int:
    """Ask the run to stop and say what will happen; ``--json``: its name and what was asked."""
    from tarot_tui.jobs import control, follow, status
    from tarot_tui.jobs.find import resolve

    folder = resolve(project_of(args), args.run)
    verb = "kill" if args.now else "stop"
    control.request(folder, verb)
    if args.now:
        say(args, _("{name} is being ended without saving.").format(name=folder.name))
    else:
        say(
            args,
            _("{name} saves a checkpoint and stops; see 'tarot-tui watch {name}'.").format(name=folder.name),
        )
    if args.wait:
        found = follow.follow(folder, on_line=lambda line: None)
        say(args, follow.closing_words(folder, found))
    if args.json:
        emit({"name": folder.name, "asked": verb, "state": status.read(folder).state})
    return 0
