"""``tarot-tui runs [--state STATES] [--kind KIND] [--sort BY] [-n N]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.errors import BadInput
from tarot_tui.jobs.listing import ALIVE, ORDERS, STATES, chosen, done, loss_of, time_of
from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.locale import _
from tarot_tui.text import one_line


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("--kind", metavar="KIND", help=_("only this kind of work, such as train or export"))
    parser.add_argument(
        "--state",
        metavar="STATES",
        help=_("only those that are {known}, several with commas").format(known=", ".join(STATES)),
    )
    parser.add_argument(
        "--sort",
        choices=sorted(ORDERS),
        default="newest",
        help=_("newest first (as without it), or by name, state, time taken, or the lowest loss first"),
    )
    parser.add_argument("-n", "--limit", type=int, metavar="N", help=_("at most so many"))


def run(args: Namespace) -> int:
    """List the project's runs; ``--json``: a list of snapshots."""
    from tarot_tui.jobs.find import all_jobs
    from tarot_tui.jobs.snapshot import snapshot

    project = project_of(args)
    wanted = _states(args.state)
    found = [snapshot(folder) for folder in reversed(all_jobs(project, args.kind))]
    found = chosen(found, wanted, order=args.sort)[: args.limit]
    if args.json:
        emit([one.as_dict() for one in found])
    elif not found and (args.kind or args.state):
        say(args, _("There is no such run; 'tarot-tui runs' lists all."))
    elif not found:
        say(args, _("No runs yet: 'tarot-tui train' starts one."))
    else:
        header = (_("name"), _("kind"), _("state"), _("done"), _("loss"), _("time"), _("title"))
        say(args, *table([_row(one) for one in found], header))
    return 0


def _states(text: str | None) -> set[str]:
    asked = {word.strip() for word in (text or "").split(",")} - {""}
    for word in sorted(asked - set(STATES)):
        raise BadInput(
            _("--state {word}: it must be one of {known}.").format(
                word=one_line(word, 40), known=", ".join(STATES)
            )
        )
    if "alive" in asked:
        asked |= ALIVE
    return asked or set(STATES)


def _row(one: Snapshot) -> tuple[str, ...]:
    from tarot_tui.jobs.status import named

    return (
        one.name,
        one.kind,
        named(one.status),
        done(one.status),
        loss_of(one),
        time_of(one),
        "" if one.title in one.name else one.title,
    )


def clock(moment: float) -> str:
    """A moment as people read it, in local time."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"
