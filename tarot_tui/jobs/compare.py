"""What differs between runs: what they were asked for, how their losses went, and what they reached."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs.look import metrics_of, status_of
from tarot_tui.jobs.spec import read_spec

#: Keys of a request that say where and by what a run was made, not what was asked for.
_NOT_ASKED = {"project", "steps", "base", "parallel", "memory"}
#: Of a longer trainer log, in bytes, the older part is only sampled.
_THIN_ABOVE = 8 << 20

Point = tuple[float, float]


@dataclass(frozen=True)
class Side:
    """One of the runs. asked: what it was asked for, flat. loss, measured: (step, value) in order.

    loss_last: the mean of the last tenth of the readings, which one wild step does not decide.
    """

    folder: Path
    state: str
    steps: int | None
    asked: dict[str, Any]
    loss: list[Point]
    measured: list[Point]
    seconds: float | None
    tokens: int | None

    @property
    def loss_last(self) -> float | None:
        """The mean of the last tenth of the loss, at least of one reading; None without any."""
        values = [value for _step, value in self.loss]
        last = values[-max(1, len(values) // 10) :] if values else []
        return sum(last) / len(last) if last else None

    @property
    def measured_best(self) -> Point | None:
        """Step and value of the lowest loss that was measured on samples held out."""
        return min(self.measured, key=lambda point: point[1], default=None)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; the curves with all their points."""
        return {
            "name": self.folder.name,
            "state": self.state,
            "steps": self.steps,
            "loss_last": self.loss_last,
            "eval_loss_best": self.measured_best,
            "eval_loss_last": self.measured[-1] if self.measured else None,
            "seconds": self.seconds,
            "tokens": self.tokens,
            "loss": self.loss,
            "eval_loss": self.measured,
        }


def side(folder: Path) -> Side:
    """What there is to compare of a run, ours or somebody else's. Raises nothing for damaged files."""
    rows = metrics_of(folder, _THIN_ABOVE).read()
    found = status_of(folder)
    last: dict[str, Any] = {}
    for row in rows[-20:]:
        last |= row
    return Side(
        folder=folder,
        state=found.state,
        steps=found.step,
        asked=_asked(folder),
        loss=_points(rows, "loss"),
        measured=_points(rows, "eval_loss"),
        seconds=last.get("elapsed_seconds"),
        tokens=last.get("total_tokens"),
    )


def differences(sides: list[Side]) -> dict[str, list[Any]]:
    """What the runs were asked for differently: by key the value of each, None where it has none."""
    keys = list(dict.fromkeys(key for one in sides for key in one.asked))
    values = {key: [one.asked.get(key) for one in sides] for key in keys}
    return {key: found for key, found in values.items() if any(value != found[0] for value in found)}


def _asked(folder: Path) -> dict[str, Any]:
    try:
        request = read_spec(folder).get("request")
    except BadInput:
        return {}
    if not isinstance(request, dict):
        return {}
    found = {key: value for key, value in request.items() if key not in _NOT_ASKED}
    flat: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": inner for name, inner in value.items() if not isinstance(inner, dict)}
        else:
            flat[key] = value
    # How much was free on the device at that moment says nothing about the run.
    return {key: value for key, value in flat.items() if key not in ("device.free", "device.total")}


def _points(rows: list[dict[str, Any]], key: str) -> list[Point]:
    points: dict[float, float] = {}
    for row in rows:
        step, value = row.get("current_steps"), row.get(key)
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value):
            # A resumed run may have made a step twice: the later one is what it went on from.
            points[step] = value
    return sorted(points.items())
