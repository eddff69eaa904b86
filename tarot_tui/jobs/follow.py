"""Staying with a job until it ends, or until the reader has seen enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tarot_tui.jobs.log import Tail
from tarot_tui.jobs.look import log_of, status_of
from tarot_tui.jobs.status import Status
from tarot_tui.locale import _

_SECONDS_BETWEEN_LOOKS = 0.3


def follow(
    folder: Path,
    on_line: Callable[[str], None] = print,
    on_status: Callable[[Status], None] | None = None,
    start: int | None = None,
) -> Status:
    """Hand out the log lines of this attempt (or from byte ``start`` of the log) and every change of the status until the
    job ends; return the last status.

    Ctrl-C only ends the following: the job goes on, and the returned status is still ``alive``.
    """
    found = status_of(folder)
    tail = Tail(log_of(folder), found.log_from if start is None else start)
    said: Status | None = None
    try:
        while True:
            # The status first: what was logged before the end is then all there.
            found = status_of(folder)
            _hand_out(tail, on_line, everything=not found.alive)
            if on_status and _without_heartbeat(found) != said:
                said = _without_heartbeat(found)
                on_status(found)
            if not found.alive:
                return found
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        return status_of(folder)


def closing_words(folder: Path, found: Status) -> str:
    """What to say when following ended: how the job ended, or how to see it again."""
    name = folder.name
    if found.alive:
        return _("The job goes on without you; watch it with: tarot-tui watch {name}").format(name=name)
    if found.state == "finished":
        return _("{name} is finished.").format(name=name)
    if found.state == "stopped":
        return _("{name} is stopped. {reason}").format(name=name, reason=found.reason)
    if found.state == "lost":
        return _("{name} was lost. {reason}").format(name=name, reason=found.reason)
    return _("{name} failed. {reason}").format(name=name, reason=found.reason)


def exit_code(found: Status) -> int:
    """The command's exit code: 0 finished, 130 stopped or only no longer followed, 1 otherwise."""
    if found.state == "finished":
        return 0
    return 130 if found.alive or found.state == "stopped" else 1


def _hand_out(tail: Tail, on_line: Callable[[str], None], *, everything: bool) -> None:
    while True:
        lines, rest = tail.read()
        for line in lines:
            on_line(line)
        if tail.at_end():
            break
    if everything and rest.strip():
        on_line(rest)


def _without_heartbeat(found: Status) -> Status:
    return replace(found, heartbeat=None, beat=None)
