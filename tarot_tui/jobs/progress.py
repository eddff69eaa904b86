"""How far a worker is, from what it writes: ``progress.json``, or the lines of its trainer log."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, status
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.metrics import parse_lines
from tarot_tui.jobs.status import Pace, Status

#: Lines at the end of the trainer's log among which its latest is: the very last may be half there.
_LAST_ROWS = 4


@dataclass(frozen=True)
class Progress:
    """What was last said in this attempt: by the worker itself, and by the trainer in its log."""

    said: dict[str, Any] = dataclasses.field(default_factory=dict)
    logged: dict[str, Any] = dataclasses.field(default_factory=dict)

    def merged(self, before: Status) -> Status:
        """``before`` with this progress in it.

        A trainer that only logs is followed by its log; of two that count the same steps the one further on counts.
        """
        said = status.parse({"total": before.total, "unit": before.unit, **self.said})
        step, total = said.step, said.total
        logged = status.parse(
            {"step": self.logged.get("current_steps"), "total": self.logged.get("total_steps")}
        )
        if logged.step is not None and said.unit == "steps":
            step = max(step or 0, logged.step)
            total = total or logged.total
        if step is None:
            step = before.step
        return dataclasses.replace(
            before,
            step=step,
            total=total,
            unit=said.unit,
            what=said.what,
            pace=_pace(before, step, total, said.unit),
        )


class Trainer:
    """What the trainer of this attempt logged last; what it logged in an attempt before does not count.

    Looks only at the end of the file, so that it costs the same when a million lines came at once.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._looked = self._stat()

    def latest(self) -> dict[str, Any]:
        """The last line, if there is a new one; {} otherwise."""
        found = self._stat()
        if found == self._looked:
            return {}
        self._looked = found
        rows = parse_lines(line.encode() for line in last_lines(self._log, _LAST_ROWS))
        return next((row for row in reversed(rows) if "current_steps" in row), {})

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self._log.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size


def observe(folder: Path, before: Progress, trainer: Trainer) -> Progress:
    """What is said now; a file that is missing or half-written says what it said before."""
    said = files.read_json(folder / files.PROGRESS) or before.said
    return Progress(said, trainer.latest() or before.logged)


def _pace(before: Status, step: int | None, total: int | None, unit: str) -> Pace | None:
    if step is None:
        return None
    now = time.time()
    pace = before.pace
    another_count = (total, unit) != (before.total, before.unit)
    if pace is None or another_count or step < pace.step:
        return Pace(step, now, step, now)
    if step == pace.step:
        return pace
    # A wall clock that was set back would make the speed negative.
    if now <= pace.time:
        return Pace(step, now, step, now)
    return dataclasses.replace(pace, step=step, time=now)
