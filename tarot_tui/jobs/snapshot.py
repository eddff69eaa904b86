"""One look at a job with everything a reader shows of it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, foreign, nodes, status, steps
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.metrics import last_metrics, parse_lines
from tarot_tui.jobs.spec import read_head
from tarot_tui.jobs.status import Status
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Snapshot:
    """A job as it is now.

    elapsed, eta_seconds: seconds of this attempt, and those that remain; None when unknown. metrics: the latest value
    of each key of the trainer's log. hardware: the last sample (:func:`tarot_tui.jobs.hardware.sample`); {} without.
    steps: of a job that is done in named ones. machines: of a job on several, how the others' shares are, by number.
    """

    folder: Path
    name: str
    kind: str
    title: str
    status: Status
    elapsed: float | None
    eta_seconds: float | None
    metrics: dict[str, Any]
    hardware: dict[str, Any]
    steps: list[steps.Step]
    machines: dict[int, Status] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, flat: name, kind, title, the keys of ``status.json``, elapsed, eta_seconds, metrics, hardware,
        steps (see :data:`tarot_tui.jobs.steps.FILE`), machines."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "kind": self.kind,
            "title": self.title,
            **self.status.as_dict(),
            "elapsed": self.elapsed,
            "eta_seconds": self.eta_seconds,
            "metrics": self.metrics,
            "hardware": self.hardware,
            "steps": [asdict(step) for step in self.steps],
            "machines": {str(number): found.as_dict() for number, found in self.machines.items()},
        }


def snapshot(folder: Path) -> Snapshot:
    """Look at a job, or at a run that somebody else started (:mod:`tarot_tui.jobs.foreign`).

    Never raises for missing, damaged or half-written files; reads only the ends of long ones.
    """
    if foreign.is_foreign(folder):
        return _of_foreign(folder)
    spec = read_head(folder)
    found = status.read(folder)
    readings = parse_lines(line.encode() for line in last_lines(folder / files.HARDWARE, 2))
    return Snapshot(
        folder=folder,
        name=folder.name,
        kind=one_line(str(spec.get("kind") or ""), 20),
        title=one_line(str(spec.get("title") or folder.name)),
        status=found,
        elapsed=elapsed(found),
        eta_seconds=eta(found),
        metrics=last_metrics(folder / files.METRICS),
        hardware=readings[-1] if readings else {},
        steps=steps.read(folder),
        machines=nodes.read(folder),
    )


def _of_foreign(folder: Path) -> Snapshot:
    found = foreign.status(folder)
    return Snapshot(
        folder=folder,
        name=folder.name,
        kind="train",
        title=foreign.title(folder),
        status=found,
        elapsed=elapsed(found),
        eta_seconds=eta(found),
        metrics=foreign.latest(folder),
        hardware={},
        steps=[],
    )


def eta(found: Status) -> float | None:
    """Seconds that remain at the speed of this attempt, or None when it cannot be said yet.

    What an earlier attempt did counts for nothing: dividing by all steps made, as LLaMA-Factory does, promises the
    end of a resumed run a hundred times too soon.
    """
    pace, total = found.pace, found.total
    if not found.alive or pace is None or total is None or pace.step <= pace.first_step:
        return None
    seconds_per_step = (pace.time - pace.first_time) / (pace.step - pace.first_step)
    since = min(max(0.0, time.time() - pace.time), seconds_per_step)
    return max(0.0, (total - pace.step) * seconds_per_step - since)


def elapsed(found: Status) -> float | None:
    """Seconds of this attempt until now, or until it ended; None before it began."""
    if found.started is None:
        return None
    until = found.ended or (time.time() if found.alive else found.heartbeat) or found.started
    return max(0.0, until - found.started)
