"""The loss chart: every reading as a thin curve, their moving average as a bright one."""

from __future__ import annotations

from tarot_tui.tui.widgets.braille import Frame, Runs, Series, Smoothing, frame, lines
from tarot_tui.tui.widgets.lines import Lines


class LossChart(Lines):
    """A curve over optimiser steps that grows; ``end`` is the step at which it will stop, if known."""

    PREFIX = "chart"
    COMPONENT_CLASSES = {"chart--axis", "chart--grid", "chart--raw", "chart--smooth", "chart--bad"}
    DEFAULT_CSS = """
    LossChart { height: 1fr; min-height: 4; }
    LossChart .chart--axis { color: $text-muted; }
    LossChart .chart--grid { color: $text-disabled; }
    LossChart .chart--raw { color: $loss; }
    LossChart .chart--smooth { color: $loss-smooth; text-style: bold; }
    LossChart .chart--bad { color: $error; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.end: float | None = None
        self.clear()

    def clear(self) -> None:
        """Forget every reading."""
        self.raw, self.smooth = Series(), Series()
        self._smoothing = Smoothing()
        self._frame: Frame | None = None

    def append(self, step: float, value: float | None) -> None:
        """Add one reading; :meth:`renew` shows it. A value that is no finite number is marked, never fatal."""
        self.raw.append(step, value)
        self.smooth.append(step, self._smoothing.add(float("nan") if value is None else value))

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """The chart, axes included."""
        self._frame = frame(self.raw.points, self.end, self._frame)
        return lines(self.raw.points, self.smooth.points, self.raw.bad, self._frame, width, height)
