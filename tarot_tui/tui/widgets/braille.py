"""Curves as braille: plain functions and data, no Textual. One cell holds 2 × 4 dots.

Braille patterns are of neutral width, so that a chart stays in shape where a terminal draws ambiguous characters
(blocks, box lines) two cells wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

#: Bit of each dot in a braille pattern: [column][row].
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800
LABEL_WIDTH = 7
#: A loss beyond this is as good as infinite, and differences below it stay finite.
_LARGEST = 1e300

Point = tuple[float, float]
#: One line of a chart as (role, text) runs; the roles are "axis", "grid", "raw", "smooth", "bad".
Runs = list[tuple[str, str]]


class Series:
    """A curve that may grow for ever: bounded memory, and no spike is lost.

    x must not decrease; when it does (a run resumed from a checkpoint), what lies at or behind it is replaced.
    A y that is no finite number is counted and its place remembered; the curve has a gap there.
    """

    def __init__(self, keep: int = 2048) -> None:
        self.bad: list[float] = []
        self.bad_count = 0
        #: The latest y; NaN when it was no number, None before the first.
        self.last: float | None = None
        self._keep = keep
        self._x = -math.inf
        #: Of every ``_group`` readings the lowest and the highest are kept; the newest wait until a group is full.
        self._group = 2
        self._kept: list[Point] = []
        self._newest: list[Point] = []

    @property
    def points(self) -> list[Point]:
        """The curve, at most about twice ``keep`` points of it, evenly thinned."""
        return self._kept + self._newest

    def append(self, x: float, y: float | None) -> None:
        """Add one reading."""
        if x <= self._x:
            self._forget_from(x)
        self._x = x
        if y is None or not abs(y) < _LARGEST:
            self.bad_count += 1
            self.bad = [*self.bad[-255:], x]
            y = math.nan
        self.last = y
        self._newest.append((x, y))
        if len(self._newest) >= self._group:
            self._kept += _extremes(self._newest)
            self._newest = []
        if len(self._kept) > 2 * self._keep:
            groups = (self._kept[start : start + 4] for start in range(0, len(self._kept), 4))
            self._kept = [point for group in groups for point in _extremes(group)]
            self._group *= 2

    def _forget_from(self, x: float) -> None:
        self._newest = [point for point in self._newest if point[0] < x]
        while self._kept and self._kept[-1][0] >= x:
            self._kept.pop()
        kept = [at for at in self.bad if at < x]
        self.bad_count -= len(self.bad) - len(kept)
        self.bad = kept


def _extremes(group: list[Point]) -> list[Point]:
    # The lowest and the highest, in their order; a gap stays a gap.
    finite = [point for point in group if not math.isnan(point[1])]
    ends = {min(finite, key=_y), max(finite, key=_y)} if finite else set()
    gaps = [point for point in group if math.isnan(point[1])][:1]
    return sorted([*ends, *gaps])


def _y(point: Point) -> float:
    return point[1]


class Smoothing:
    """An exponential moving average that starts without bias and remembers a twentieth of what it has seen.

    So it lags by the same small part of the chart, be it of fifty readings or of fifty thousand.
    """

    def __init__(self) -> None:
        self._sum = self._norm = 0.0
        self._count = 0

    def add(self, y: float) -> float:
        """The average after ``y``; a y that is no finite number leaves it as it was."""
        if abs(y) < _LARGEST:
            self._count += 1
            share = 1 / max(5.0, self._count / 20)
            self._sum += share * (y - self._sum)
            self._norm += share * (1 - self._norm)
        return self._sum / self._norm if self._norm else math.nan


@dataclass(frozen=True)
class Frame:
    """The part of the plane that is shown: x from left to right, y from bottom to top, and the labelled y values."""

    left: float
    right: float
    bottom: float
    top: float
    ticks: tuple[float, ...] = ()

    def holds(self, low: float, high: float) -> bool:
        """Whether these y values fit without wasting more than half of the height."""
        return self.bottom <= low and high <= self.top and high - low >= 0.4 * (self.top - self.bottom)


def frame(points: Sequence[Point], end: float | None = None, before: Frame | None = None) -> Frame:
    """What to show of ``points``, so that the picture seldom jumps.

    x runs from 0 to the next power of two, at most to ``end`` (where the curve will stop, if known). The y range
    moves only when ``before`` no longer fits. A few wild spikes do not flatten the rest: they are cut at the top.
    """
    last = points[-1][0] if points else 1.0
    span = 2.0 ** math.ceil(math.log2(max(last, 8.0)))
    right = span if end is None else max(last, min(span, end), 1.0)
    low, high = _interesting([y for _, y in points if math.isfinite(y)])
    if before and before.holds(low, high):
        return Frame(0.0, right, before.bottom, before.top, before.ticks)
    step = _nice((high - low) / 3)
    bottom, top = math.floor(2 * low / step) * step / 2, math.ceil(2 * high / step) * step / 2
    first = math.ceil(bottom / step)
    ticks = tuple(step * number for number in range(first, math.floor(top / step + 1e-9) + 1))
    return Frame(0.0, right, bottom, top, ticks)


def _interesting(values: list[float]) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    usual = ordered[int(0.97 * (len(ordered) - 1))]
    if len(ordered) >= 32 and high - low > 2 * (usual - low) > 0:
        high = usual + 0.25 * (usual - low)
    if high - low < 1e-9 * max(abs(high), 1e-9):
        margin = abs(high) * 0.1 or 0.5
        low, high = low - margin, high + margin
    return low, high


def _nice(step: float) -> float:
    # 1, 2 or 5 times a power of ten: the least that is not smaller than a third of the range.
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)


def masks(points: Sequence[Point], shown: Frame, width: int, height: int) -> list[list[int]]:
    """The curve as braille dots, ``[row][column]`` of ``width`` × ``height`` cells, 0 where there is none.

    Every dot column spans from the lowest to the highest y that fall into it, so that no spike is lost however many
    points share it; neighbours are joined by straight lines, except over a gap.
    """
    columns, rows = 2 * width, 4 * height
    x_scale = (columns - 1) / (shown.right - shown.left or 1)
    y_scale = (rows - 1) / (shown.top - shown.bottom or 1)
    low: list[float] = [math.inf] * columns
    high: list[float] = [-math.inf] * columns

    def mark(column: int, y: float) -> None:
        low[column] = min(low[column], y)
        high[column] = max(high[column], y)

    previous: Point | None = None
    for x, y in points:
        if not math.isfinite(y) or not shown.left <= x <= shown.right:
            previous = None
            continue
        here = ((x - shown.left) * x_scale, (min(max(y, shown.bottom), shown.top) - shown.bottom) * y_scale)
        column = round(here[0])
        if previous is not None:
            start = round(previous[0])
            for between in range(start + 1, column):
                share = (between - previous[0]) / (here[0] - previous[0])
                mark(between, previous[1] + share * (here[1] - previous[1]))
            # Steep lines stay joined: each column reaches half way to its neighbour.
            if column > start:
                beside = column - 1 if column - 1 > start else start
                middle = (here[1] + previous[1]) / 2 if beside == start else here[1]
                mark(beside, middle)
                mark(column, middle)
        mark(column, here[1])
        previous = here
    return _dots(low, high, width, height)


def _dots(low: list[float], high: list[float], width: int, height: int) -> list[list[int]]:
    rows = 4 * height
    grid = [[0] * width for _ in range(height)]
    for column, (bottom, top) in enumerate(zip(low, high, strict=True)):
        if bottom > top:
            continue
        for y in range(round(bottom), round(top) + 1):
            row = rows - 1 - y
            grid[row // 4][column // 2] |= _DOTS[column % 2][row % 4]
    return grid


def lines(
    raw: Sequence[Point],
    smooth: Sequence[Point],
    bad: Iterable[float],
    shown: Frame,
    width: int,
    height: int,
) -> list[Runs]:
    """A chart of ``width`` × ``height`` cells, axes included, as runs of one role each; the last line labels x.

    ``!`` at the bottom marks a y that was no number (at the x in ``bad``), ``^`` at the top one that is beyond it.
    """
    plot_width, plot_height = max(width - LABEL_WIDTH, 1), max(height - 1, 1)
    labels = _tick_rows(shown, plot_height)
    under = masks(raw, shown, plot_width, plot_height)
    over = masks(smooth, shown, plot_width, plot_height)
    marked = _columns(bad, shown, plot_width)
    cut = _columns((x for x, y in raw if y > shown.top), shown, plot_width)
    result: list[Runs] = []
    for row in range(plot_height):
        cells: list[tuple[str, str]] = []
        for column in range(plot_width):
            if row == plot_height - 1 and column in marked:
                cells.append(("bad", "!"))
            elif row == 0 and column in cut:
                cells.append(("bad", "^"))
            elif over[row][column]:
                cells.append(("smooth", chr(_BLANK + over[row][column])))
            elif under[row][column]:
                cells.append(("raw", chr(_BLANK + under[row][column])))
            else:
                cells.append(("grid", "⠂" if row in labels and column % 4 == 3 else " "))
        label = labels.get(row, "").rjust(LABEL_WIDTH - 1)[: LABEL_WIDTH - 1] + " "
        runs = [
            (role, "".join(text for _, text in run)) for role, run in groupby(cells, lambda cell: cell[0])
        ]
        result.append([("axis", label), *runs])
    result.append([("axis", _x_labels(shown, plot_width))])
    return result[:height]


def _columns(places: Iterable[float], shown: Frame, width: int) -> set[int]:
    scale = (width - 1) / (shown.right - shown.left or 1)
    return {round((x - shown.left) * scale) for x in places if shown.left <= x <= shown.right}


def _tick_rows(shown: Frame, height: int) -> dict[int, str]:
    step = shown.ticks[1] - shown.ticks[0] if len(shown.ticks) > 1 else 1.0
    digits = min(max(0, -math.floor(math.log10(step) + 1e-9)), 12)
    rows: dict[int, str] = {}
    # No more labels than every second row has room for.
    for tick in shown.ticks[:: max(1, math.ceil(2 * len(shown.ticks) / (height + 1)))]:
        share = (tick - shown.bottom) / (shown.top - shown.bottom or 1)
        row = (4 * height - 1 - round(share * (4 * height - 1))) // 4
        text = f"{tick:.{digits}f}"
        rows[row] = text if len(text) < LABEL_WIDTH else f"{tick:.0e}"
    return rows


def _x_labels(shown: Frame, width: int) -> str:
    # Left, middle, right: as many as fit with room between them.
    left, middle, right = (f"{round(x)}" for x in (shown.left, (shown.left + shown.right) / 2, shown.right))
    line = list(" " * LABEL_WIDTH + left.ljust(width))
    if len(left) + len(right) + 2 <= width:
        line[-len(right) :] = right
    if len(left) + len(middle) + len(right) + 8 <= width:
        start = LABEL_WIDTH + width // 2 - len(middle) // 2
        line[start : start + len(middle)] = middle
    return "".join(line)[: LABEL_WIDTH + width]


def render(points: Sequence[Point], width: int, height: int) -> list[str]:
    """One curve as ``height`` lines of ``width`` cells: the chart without its colours."""
    series = Series()
    for x, y in points:
        series.append(x, y)
    shown = frame(series.points)
    return [
        "".join(text for _, text in runs)
        for runs in lines(series.points, [], series.bad, shown, width, height)
    ]
