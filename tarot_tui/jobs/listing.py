"""Many runs at once: which of them are wanted, in which order, and what is said of each in few words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, get_args

from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.jobs.status import State, Status
from tarot_tui.locale import N_, _
from tarot_tui.text import duration

#: Every state, and ``alive`` for any of the three in which work goes on.
STATES = ("alive", *get_args(State))
ALIVE = {"starting", "running", "stopping"}
#: Sorting is stable, and the runs come newest first.
ORDERS: dict[str, Callable[[Snapshot], Any]] = {
    "newest": lambda one: 0,
    "name": lambda one: one.name.partition("-")[2],
    "state": lambda one: get_args(State).index(one.status.state),
    "time": lambda one: -(one.elapsed or 0),
    "loss": lambda one: _metric(one, "loss"),
    "eval_loss": lambda one: _metric(one, "eval_loss"),
}
#: The orders in words.
ORDER_NAMES = {
    "newest": N_("newest first"),
    "name": N_("by name"),
    "state": N_("by state"),
    "time": N_("longest first"),
    "loss": N_("lowest loss first"),
    "eval_loss": N_("lowest eval loss first"),
}


def chosen(
    runs: Iterable[Snapshot], states: set[str] | None = None, words: str = "", order: str = "newest"
) -> list[Snapshot]:
    """Of ``runs``, newest first, those in one of the states that say every one of the words, in that order."""
    asked = words.casefold().split()
    found = [
        one
        for one in runs
        if (not states or one.status.state in states)
        and all(word in f"{one.name} {one.title} {one.kind} {one.status.reason}".casefold() for word in asked)
    ]
    return sorted(found, key=ORDERS[order])


def _metric(one: Snapshot, key: str) -> float:
    value = one.metrics.get(key)
    # Those without one, and those where it is no number, come last.
    return value if isinstance(value, int | float) and math.isfinite(value) else math.inf


def time_of(one: Snapshot) -> str:
    """What remains of it, or what it took; ``–`` when neither is known."""
    if one.eta_seconds is not None:
        return _("{time} left").format(time=duration(one.eta_seconds))
    return "–" if one.elapsed is None else duration(one.elapsed)


def loss_of(one: Snapshot) -> str:
    """Its latest loss, ``–`` without any."""
    loss = one.metrics.get("loss")
    return f"{loss:.4f}" if isinstance(loss, int | float) else "–"


def done(status: Status) -> str:
    """Progress in few words: ``30/60``, ``41 %`` of bytes, or ``–``."""
    if status.step is None:
        return "–"
    if not status.total:
        return f"{status.step}"
    if status.unit == "bytes":
        return f"{100 * status.step // status.total} %"
    return f"{status.step}/{status.total}"
