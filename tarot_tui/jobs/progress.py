"""How far a worker is, from what it writes: ``progress.json``, or the lines of its trainer log."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, status
from tarot_tui.jobs.metrics import MetricsReader
from tarot_tui.jobs.status import Pace, Status


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


def observe(folder: Path, before: Progress, metrics: MetricsReader) -> Progress:
    """What is said now; a file that is missing or half-written says what it said before."""
    said = files.read_json(folder / files.PROGRESS) or before.said
    rows = [row for row in metrics.read() if "current_steps" in row]
    return Progress(said, rows[-1] if rows else before.logged)


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
