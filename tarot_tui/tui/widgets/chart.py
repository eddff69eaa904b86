"""The curves of a run, or of several over one another: one large, and the others small where there is room."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message

from tarot_tui.locale import _
from tarot_tui.tui.run_curves import METRICS, SMOOTH, Curves, Metric
from tarot_tui.tui.spans import Runs, fit
from tarot_tui.tui.widgets.braille import Raster
from tarot_tui.tui.widgets.chart_look import ChartLines, colours_of
from tarot_tui.tui.widgets.frame import Frame, fitted
from tarot_tui.tui.widgets.plot import LABEL_WIDTH, Flag, Layer, lines, plot_size
from tarot_tui.tui.widgets.series import Curve
from tarot_tui.tui.widgets.window import Window

#: Cells from which the other curves have small charts of their own beside the large one.
WIDE, TALL = 96, 15
#: kind of a mark → the character under it. The caption says what they mean.
MARKS = {"checkpoint": "o", "resume": "r", "memory": "M"}


class RunChart(ChartLines):
    """Curves over optimiser steps that grow; ``end`` is the step at which they will stop, if known."""

    DEFAULT_CSS = """
    RunChart { height: 1fr; min-height: 4; }
    """

    class Turned(Message):
        """What the chart shows was changed by a key: the caption has to say something else."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.end: float | None = None
        self.clear()

    def clear(self) -> None:
        """Forget every reading, and how they were looked at."""
        self.curves = Curves()
        #: The run that the curves are of, and the others that are compared with it; the bright one of them all.
        self.name_of_run = ""
        self.others: Mapping[str, Curves] = {}
        self.bright = ""
        self.metric: Metric = METRICS[0]
        self.window = Window()
        #: The step that is read out, None while none is.
        self.cursor: float | None = None
        #: The metrics whose curves are drawn by their magnitude.
        self.by_magnitude: set[str] = set()
        self._plots: dict[str, _Plot] = {}

    def show(self, name: str, curves: Curves, others: Mapping[str, Curves] | None = None) -> None:
        """Show the curves of the run ``name``, and over one another with those of other runs, by their names."""
        others = others or {}
        if curves is self.curves and others.keys() == self.others.keys():
            same = all(others[one] is self.others[one] for one in others)
            if same and name == self.name_of_run:
                return
        self.name_of_run, self.curves, self.others = name, curves, others
        if self.bright not in self.runs:
            self.bright = name
        self.renew()

    @property
    def runs(self) -> dict[str, Curves]:
        """The curves of every run that is shown."""
        return {self.name_of_run: self.curves, **self.others}

    @property
    def last_step(self) -> float:
        """The step that the furthest run has got to."""
        return max(curves.last_step for curves in self.runs.values())

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """The chart, axes included; beside it the small ones."""
        small = self._beside() if width >= WIDE and height >= TALL else []
        if not small:
            return self._plot(self.metric, width, height)
        room = max(width // 3, 36)
        each = height // len(small)
        main = self._plot(self.metric, width - room - 3, height)
        column: list[Runs] = []
        for metric in small:
            name = fit([("name", " " * 7 + _(metric.title))], room)
            column += [name, *self._plot(metric, room, each - 1)]
        column += [[]] * (height - len(column))
        return [
            [*fit(left, width - room - 3), ("", "   "), *right]
            for left, right in zip(main, column, strict=True)
        ]

    def _beside(self) -> list[Metric]:
        return [one for one in METRICS if one is not self.metric and self.curves.of(one.key).points][:3]

    def _plot(self, metric: Metric, width: int, height: int) -> list[Runs]:
        plot = self._plots.setdefault(metric.key, _Plot())
        log = metric.key in self.by_magnitude
        limits = self.limits
        flags = self._flags(metric) if metric is self.metric else []
        return plot.lines(self._layers(metric), flags, limits, log, width, height, self.cursor)

    @property
    def limits(self) -> tuple[float, float]:
        """The steps that are shown, from and to."""
        return self.window.limits(self.last_step, self.end)

    @property
    def closer(self) -> tuple[float, float] | None:
        """Between which steps every reading is wanted; None while the whole is shown."""
        return self.limits if self.window.span is not None else None

    def _layers(self, metric: Metric) -> list[tuple[str, Curve]]:
        """(role, curve), those that matter most last."""
        key = SMOOTH if metric.key == "loss" else metric.key
        if self.others:
            colours, runs = colours_of(self.runs), self.runs
            dimmed = [
                (f"dim{colours[name]}", runs[name].of(key)) for name in sorted(runs) if name != self.bright
            ]
            return [*dimmed, (f"run{colours[self.bright]}", runs[self.bright].of(key))]
        if metric.key != "loss":
            return [
                ("eval" if metric.key == "eval_loss" else "smooth", self.curves.between(key, *self.limits))
            ]
        names = (("raw", "loss"), ("smooth", SMOOTH), ("eval", "eval_loss"))
        return [(role, self.curves.between(name, *self.limits)) for role, name in names]

    def _flags(self, metric: Metric) -> list[Flag]:
        curves = self.runs[self.bright]
        marks = [Flag(mark.step, MARKS[mark.kind], "mark") for mark in curves.marks]
        # What went wrong is not to be hidden under what went well.
        marks.sort(key=lambda flag: flag.char != MARKS["checkpoint"])
        return [*marks, *(Flag(step, "!", "bad") for step in curves.of(metric.key).bad)]

    # ---- what keys do

    def next_metric(self) -> None:
        """Show the next curve that there is."""
        there = [one for one in METRICS if one is METRICS[0] or self.curves.of(one.key).points]
        at = there.index(self.metric) if self.metric in there else 0
        self.metric = there[(at + 1) % len(there)]
        self._turned()

    def next_bright(self) -> None:
        """Let the next run stand out."""
        names = sorted(self.runs)
        self.bright = names[(names.index(self.bright) + 1) % len(names)]
        self._turned()

    def toggle_log(self) -> None:
        """Draw this curve by its magnitude, or evenly again."""
        self.by_magnitude ^= {self.metric.key}
        self._turned()

    def zoom(self, factor: float) -> None:
        """Show ``factor`` times as many steps, around the cursor or the newest."""
        last = self.last_step
        around = last if self.cursor is None else self.cursor
        self._look_at(self.window.zoomed(factor, around, last, self.end))

    def pan(self, share: float) -> None:
        """Show what lies ``share`` of the width further on."""
        self._look_at(self.window.moved(share, self.last_step, self.end))

    def show_all(self) -> None:
        """Everything, following the end, and no cursor."""
        self.cursor = None
        self._look_at(Window())

    def on_click(self, event: events.Click) -> None:
        """Read out what was clicked."""
        left, right = self.limits
        steps = [step for step, _value in self.curves.between(self.metric.key, left, right).points]
        place = (event.x - LABEL_WIDTH) / max(self._main_width() - 1, 1)
        if steps and 0 <= place <= 1:
            goal = left + place * (right - left)
            self.cursor = min(steps, key=lambda step: abs(step - goal))
            self._turned()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in."""
        event.stop()
        self.zoom(0.5)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out."""
        event.stop()
        self.zoom(2.0)

    def move_cursor(self, cells: int) -> None:
        """Read out the reading next to the cursor that lies at least ``cells`` cells on; at first the newest."""
        every, near = self.curves.of(self.metric.key), self.curves.between(self.metric.key, *self.limits)
        if not every.points:
            return
        if self.cursor is None:
            self.cursor = every.points[-1][0]
        else:
            # What was read again closer ends at the edges of the picture; the curve goes on.
            at = self.cursor
            self.cursor = self._next_to(at, cells, near)
            if self.cursor == at:
                self.cursor = self._next_to(at, cells, every)
        self._look_at(self.window.showing(self.cursor, self.last_step, self.end))

    def _next_to(self, cursor: float, cells: int, curve: Curve) -> float:
        left, right = self.limits
        goal = cursor + cells * (right - left) / max(self._main_width() - 1, 1)
        steps = [step for step, _value in curve.points]
        if cells > 0:
            found = bisect_left(steps, max(goal, math.nextafter(cursor, math.inf)))
        else:
            found = bisect_right(steps, min(goal, math.nextafter(cursor, -math.inf))) - 1
        return steps[min(max(found, 0), len(steps) - 1)] if steps else cursor

    def _main_width(self) -> int:
        width, height = self.size
        small = width >= WIDE and height >= TALL and self._beside()
        return plot_size(width - max(width // 3, 36) - 3 if small else width, height)[0]

    def _look_at(self, window: Window) -> None:
        if window != self.window:
            # Another part of the curve may fill its height anew; that is what was asked for.
            for plot in self._plots.values():
                plot.frame = None
        self.window = window
        self._turned()

    def _turned(self) -> None:
        self.renew()
        self.post_message(self.Turned())

    def readings_at_cursor(self) -> list[tuple[str, str]]:
        """(name, reading) at the cursor, or last before it: of every metric, or of the shown one of every run."""
        if self.cursor is None:
            return []
        if self.others:
            asked = [(name, self.metric, curves) for name, curves in sorted(self.runs.items())]
        else:
            asked = [(_(metric.title), metric, self.curves) for metric in METRICS]
        found = []
        for name, metric, curves in asked:
            points = curves.between(metric.key, self.cursor, self.cursor).points
            at = bisect_right(points, (self.cursor, math.inf)) - 1
            if at >= 0:
                found.append((name, format(points[at][1], metric.form)))
        return found


class _Plot:
    """One chart: its frame, which moves seldom, and its curves as they were drawn last."""

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self._rasters: list[Raster] = []
        self._fitted = (0.0, 0)

    def lines(
        self,
        layers: Sequence[tuple[str, Curve]],
        flags: Sequence[Flag],
        limits: tuple[float, float],
        log: bool,
        width: int,
        height: int,
        cursor: float | None,
    ) -> list[Runs]:
        shown = self._frame([curve for _role, curve in layers], limits, log)
        while len(self._rasters) < len(layers):
            self._rasters.append(Raster())
        size = plot_size(width, height)
        drawn = [
            Layer(role, raster.draw(curve, shown, *size))
            for (role, curve), raster in zip(layers, self._rasters, strict=False)
        ]
        return lines(drawn, flags, shown, width, height, cursor)

    def _frame(self, curves: Sequence[Curve], limits: tuple[float, float], log: bool) -> Frame:
        left, right = limits
        shown = Frame(left, right, 0.0, 1.0, log=log)
        before = self.frame if self.frame and self.frame.log == log else None
        count = sum(len(curve.points) for curve in curves)
        if before and self._still_fits(before, curves, limits, count):
            return before
        self._fitted = (left, count)
        values = [y for curve in curves for x, y in _within(curve.points, left, right)]
        self.frame = fitted(shown, values, before)
        return self.frame

    def _still_fits(
        self, before: Frame, curves: Sequence[Curve], limits: tuple[float, float], count: int
    ) -> bool:
        """Whether it is needless to look at every reading again: nothing new lies outside, and little is new."""
        if (before.left, before.right) != limits or not count <= 1.1 * self._fitted[1]:
            return False
        newest = [curve.last for curve in curves if curve.last is not None and math.isfinite(curve.last)]
        return all(before.bottom <= before.scaled(y) <= before.top for y in newest)


def _within(
    points: Sequence[tuple[float, float]], left: float, right: float
) -> Sequence[tuple[float, float]]:
    return points[bisect_left(points, (left,)) : bisect_right(points, (right, math.inf))]  # type: ignore[arg-type]
