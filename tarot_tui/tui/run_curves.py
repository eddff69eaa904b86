"""The curves of one run and what happened on the way, fed by the rows of its trainer and by its events. No Textual here."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tarot_tui.locale import N_
from tarot_tui.tui.widgets.series import NOTHING, Curve, Series, Smoothing


@dataclass(frozen=True)
class Metric:
    """key: in the rows of ``trainer_log.jsonl``. title: translatable. form: how a reading is written."""

    key: str
    title: str
    form: str


#: What has a curve, in the order in which one leafs through them.
METRICS = (
    Metric("loss", N_("loss"), ".4f"),
    Metric("eval_loss", N_("eval loss"), ".4f"),
    Metric("lr", N_("learning rate"), ".2e"),
    Metric("grad_norm", N_("gradient norm"), ".3f"),
)
#: The moving average of the loss.
SMOOTH = "smooth"
#: Marks that are kept of each kind.
_MOST = 500


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step. kind: ``checkpoint``, ``resume`` or ``memory`` (it ran out of it)."""

    step: float
    kind: str


@dataclass(frozen=True)
class Detail:
    """Every reading from step ``left`` to ``right``, by metric key."""

    left: float
    right: float
    by_key: Mapping[str, Curve]


@dataclass(frozen=True)
class Curves:
    """How the curves are at one moment, by metric key, and the marks in order of their steps.

    detail: a part of them that was read again, reading by reading.
    """

    by_key: Mapping[str, Curve] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    detail: Detail | None = None

    def of(self, key: str) -> Curve:
        """The curve of a metric, empty when there is none."""
        return self.by_key.get(key, NOTHING)

    def between(self, key: str, left: float, right: float) -> Curve:
        """The curve for a chart from ``left`` to ``right``: with every reading, where they were read again."""
        closer = self.detail
        if closer and closer.left <= left and right <= closer.right and key in closer.by_key:
            return closer.by_key[key]
        return self.of(key)

    @property
    def thinned(self) -> bool:
        """Whether looking closer would show more."""
        return any(curve.thinned for curve in self.by_key.values())

    @property
    def last_step(self) -> float:
        """The step of the latest reading; 0 without any."""
        return max((curve.points[-1][0] for curve in self.by_key.values() if curve.points), default=0.0)


class RunCurves:
    """Grows with what is read of a run."""

    def __init__(self) -> None:
        self._series = {metric.key: Series() for metric in METRICS} | {SMOOTH: Series()}
        self._smoothing = Smoothing()
        self._clock: list[tuple[float, float]] = []
        self._checkpoints: dict[float, None] = {}
        self._moments: list[tuple[float, str]] = []
        self._frozen: Curves | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        """One row of the trainer's log. A value that is no finite number is marked, never fatal."""
        step = number(row.get("current_steps"))
        if step is None:
            return
        self._frozen = None
        for metric in METRICS:
            if metric.key in row:
                # A loss that is not a number arrives as NaN, or as null from writers of strict JSON.
                value = number(row[metric.key], finite=False)
                self._series[metric.key].append(step, value)
                if metric.key == "loss":
                    self._series[SMOOTH].append(
                        step, self._smoothing.add(float("nan") if value is None else value)
                    )
        if (moment := number(row.get("time"))) is not None:
            self._note_time(moment, step)

    def add_event(self, event: Mapping[str, Any]) -> None:
        """One line of ``events.jsonl``."""
        kind, moment, step = event.get("kind"), number(event.get("time")), number(event.get("step"))
        if kind == "checkpoint" and step is not None:
            if step in self._checkpoints:
                return
            self._checkpoints[step] = None
        elif kind == "state" and event.get("state") == "starting" and (number(event.get("attempt")) or 0) > 1:
            self._moments.append((moment or 0.0, "resume"))
        elif str(event.get("cause") or "").endswith("oom"):
            if (moment, "memory") in self._moments:
                return
            self._moments.append((moment or 0.0, "memory"))
        else:
            return
        self._frozen = None

    def take_marks_from(self, other: RunCurves) -> None:
        """What happened on the way is the same as there."""
        self._checkpoints, self._moments, self._frozen = other._checkpoints, other._moments, None

    def frozen(self) -> Curves:
        """How it is now; the same object while nothing is new."""
        if self._frozen is None:
            curves = {key: series.frozen() for key, series in self._series.items() if series.last is not None}
            self._frozen = Curves(curves, self._marks())
        return self._frozen

    def _note_time(self, moment: float, step: float) -> None:
        # Of a resumed run only what it went on with counts, as in the curves.
        while self._clock and self._clock[-1][1] >= step:
            self._clock.pop()
        self._clock.append((moment, step))
        if len(self._clock) > 4096:
            self._clock = self._clock[::2]

    def _marks(self) -> tuple[Mark, ...]:
        marks = [Mark(step, "checkpoint") for step in list(self._checkpoints)[-_MOST:]]
        for moment, kind in self._moments[-_MOST:]:
            after = bisect_left(self._clock, (moment, 0.0))
            if kind == "memory":
                after -= 1
            if 0 <= after < len(self._clock):
                marks.append(Mark(self._clock[after][1], kind))
        return tuple(sorted(marks, key=lambda mark: mark.step))


def number(value: Any, *, finite: bool = True) -> float | None:
    """``value`` if it is a number (with ``finite``: neither NaN nor infinite nor absurdly large), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > 1e15:
        return None
    return float(value) if abs(value) < 1e15 or not finite else None
