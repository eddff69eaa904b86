"""``tarot-tui runs [--state STATES] [--kind KIND] [--sort BY] [-n N]``"""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.errors import BadInput
from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.jobs.status import State
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line

#: What ``--state`` takes; ``alive`` means any of the three in which work goes on.
_STATES = ("alive", *get_args(State))
#: Sorting is stable, and the runs come newest first.
_ORDERS: dict[str, Callable[[Snapshot], Any]] = {
    "newest": lambda one: 0,
    "name": lambda one: one.name.partition("-")[2],
    "state": lambda one: get_args(State).index(one.status.state),
    "time": lambda one: -(one.elapsed or 0),
    "loss": lambda one: _metric(one, "loss"),
    "eval_loss": lambda one: _metric(one, "eval_loss"),
}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("--kind", metavar="KIND", help=_("only this kind of work, such as train or export"))
    parser.add_argument(
        "--state",
        metavar="STATES",
        help=_("only those that are {known}, several with commas").format(known=", ".join(_STATES)),
    )
    parser.add_argument(
        "--sort",
        choices=sorted(_ORDERS),
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
    found = sorted((one for one in found if one.status.state in wanted), key=_ORDERS[args.sort])[: args.limit]
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
    for word in sorted(asked - set(_STATES)):
        raise BadInput(
            _("--state {word}: it must be one of {known}.").format(
                word=one_line(word, 40), known=", ".join(_STATES)
            )
        )
    if "alive" in asked:
        asked |= {"starting", "running", "stopping"}
    return asked or set(_STATES)


def _metric(one: Snapshot, key: str) -> float:
    value = one.metrics.get(key)
    # Those without one, and those where it is no number, come last.
    return value if isinstance(value, int | float) and math.isfinite(value) else math.inf


def _row(one: Snapshot) -> tuple[str, ...]:
    from tarot_tui.jobs.control import named

    loss = one.metrics.get("loss")
    return (
        one.name,
        one.kind,
        named(one.status),
        done(one.status),
        f"{loss:.4f}" if isinstance(loss, int | float) else "–",
        _time(one),
        "" if one.title in one.name else one.title,
    )


def _time(one: Snapshot) -> str:
    if one.eta_seconds is not None:
        return _("{time} left").format(time=duration(one.eta_seconds))
    return "–" if one.elapsed is None else duration(one.elapsed)


def done(status) -> str:  # type: ignore[no-untyped-def]
    """Progress in few words: ``30/60``, ``41 %`` of bytes, or ``–``."""
    if status.step is None:
        return "–"
    if not status.total:
        return f"{status.step}"
    if status.unit == "bytes":
        return f"{100 * status.step // status.total} %"
    return f"{status.step}/{status.total}"


def clock(moment: float) -> str:
    """A moment as people read it, in local time."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"
