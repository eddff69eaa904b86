"""``tarot-tui tail [RUN] [-n N] [-f]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, say
from tarot_tui.cli.watch import found_run, run_help
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    parser.add_argument(
        "-n", "--lines", type=int, default=20, metavar="N", help=_("so many lines (default: 20)")
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help=_("stay and print what comes, until it ends")
    )


def run(args: Namespace) -> int:
    """Print the end of the log; ``--json``: ``{"name", "lines"}``, with ``--follow`` a JSON string a line."""
    from tarot_tui.jobs import follow
    from tarot_tui.jobs.log import last_lines, start_of_last_lines
    from tarot_tui.jobs.look import log_of

    _project, folder = found_run(args)
    path = log_of(folder)
    if args.follow:
        show = emit if args.json else print
        ended = follow.follow(folder, on_line=show, start=start_of_last_lines(path, args.lines))
        say(args, follow.closing_words(folder, ended))
        return follow.exit_code(ended)
    lines = last_lines(path, args.lines)
    if args.json:
        emit({"name": folder.name, "lines": lines})
    else:
        print("\n".join(lines))
    return 0
