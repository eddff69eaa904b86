"""The first lines of a run: what it is and how it is, how far it has come, when it will be done. No Textual here."""

from __future__ import annotations

import time

from tarot_tui.jobs.status import Status, named, with_unit
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line, size
from tarot_tui.tui.spans import Runs, bar, cut, fit, spread, width_of

#: state → the role of its name.
ROLES = {"finished": "good", "running": "good", "failed": "bad", "lost": "bad"}


def title_line(title: str, found: Status, folder: str, width: int) -> Runs:
    """The run's title, its state in words, and at the right edge the name of its folder, where there is room."""
    runs: Runs = [("name", one_line(title, 60)), ("", "  "), (ROLES.get(found.state, "doubt"), named(found))]
    if found.attempt > 1:
        runs.append(("label", "  " + _("attempt {number}").format(number=found.attempt)))
    return spread(runs, [("label", one_line(folder, 120))], width) if width > 60 else fit(runs, width)


def progress_line(found: Status, width: int) -> Runs:
    """A bar and figures, or what it does instead."""
    share = found.step / found.total if found.step is not None and found.total else None
    if share is None:
        return [("label", cut(found.what, width) or _("no progress reported yet"))]
    right: Runs = [("value", f" {100 * share:3.0f} %"), ("", "  " + counted(found))]
    if found.what:
        right.append(("label", "  " + one_line(found.what, 24)))
    return [*bar(share, max(width - width_of(right), 4), "bar"), *right]


def counted(found: Status) -> str:
    """``step 120 of 400``, or ``1.2 GB of 3.4 GB``."""
    if found.unit == "bytes":
        return _("{done} of {all}").format(done=size(found.step), all=size(found.total))
    if found.unit == "steps":
        return _("step {done} of {all}").format(done=f"{found.step:,}", all=f"{found.total:,}")
    return _("{done} of {all}").format(done=f"{found.step:,}", all=with_unit(f"{found.total:,}", found.unit))


def times(found: Status, elapsed: float | None, eta: float | None, now: float) -> list[Runs]:
    """What remains and until when, how long it runs, its pace. Seconds; ``now`` since the epoch."""
    # Padded, so that a number that grows by a digit does not move all that stands behind it.
    items: list[Runs] = []
    if eta is not None and found.state == "running":
        until = _clock(now + eta, now)
        items.append([("label", _("left") + " "), ("value", f"{about(eta):<8}"), ("label", f" ({until})")])
    if elapsed is not None:
        label = _("running for") if found.alive else _("ran for")
        items.append([("label", label + " "), ("", f"{duration(elapsed):<11}")])
    pace = found.pace
    if found.alive and pace and pace.step > pace.first_step and found.unit == "steps":
        seconds = (pace.time - pace.first_time) / (pace.step - pace.first_step)
        form = ".2f" if seconds >= 0.1 else ".2g"
        items.append([("", _("{seconds} s/step").format(seconds=format(seconds, form)))])
    return items


def about(seconds: float) -> str:
    """A duration as exactly as a forecast can be: in minutes from two on, in hours from two days on."""
    if seconds < 120:
        return duration(seconds)
    return duration(60 * round(seconds / 60)) if seconds < 172_800 else duration(3600 * round(seconds / 3600))


def _clock(moment: float, now: float) -> str:
    local = time.localtime(moment)
    if local.tm_yday == time.localtime(now).tm_yday:
        return time.strftime("%H:%M", local)
    return time.strftime("%m-%d %H:%M", local)
