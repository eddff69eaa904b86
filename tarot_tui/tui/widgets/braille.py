"""Curves as braille: plain functions and data, no Textual. One cell holds 2 × 4 dots.

Braille patterns are of neutral width, so that a chart stays in shape where a terminal draws ambiguous characters
(blocks, box lines) two cells wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tarot_tui.tui.widgets.frame import Frame
from tarot_tui.tui.widgets.series import Curve, Point

#: Bit of each dot in a braille pattern: [column][row].
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
BLANK = 0x2800

#: The dots of a curve by rows: a byte for each cell.
Masks = list[bytes]
#: The dots of a curve, and the columns of cells in which it goes beyond the top.
Drawn = tuple[Masks, set[int]]


class Raster:
    """One growing curve as dots. Only what is new of it is drawn, while the frame and its older part stay the same."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._columns = _Columns(Frame(0, 1, 0, 1), 1, 1)
        self._drawn = 0

    def draw(self, curve: Curve, shown: Frame, width: int, height: int) -> Drawn:
        """As :func:`draw`, of a curve's points."""
        key = (curve.version, shown, width, height)
        if key != self._of or curve.stable < self._drawn:
            self._of, self._drawn = key, 0
            self._columns = _Columns(shown, width, height)
        self._columns.add(curve.points[self._drawn : curve.stable])
        self._drawn = curve.stable
        with_newest = self._columns.copy()
        with_newest.add(curve.points[curve.stable :])
        return with_newest.masks(), with_newest.cut


def draw(points: Sequence[Point], shown: Frame, width: int, height: int) -> Drawn:
    """The curve as braille dots, ``[row][column]`` of ``width`` × ``height`` cells, 0 where there is none.

    Every dot column spans from the lowest to the highest y that fall into it, so that no spike is lost however many
    points share it; neighbours are joined by straight lines, except over a gap.
    """
    columns = _Columns(shown, width, height)
    columns.add(points)
    return columns.masks(), columns.cut


def masks(points: Sequence[Point], shown: Frame, width: int, height: int) -> Masks:
    """The dots alone."""
    return draw(points, shown, width, height)[0]


class _Columns:
    """The lowest and highest dot of every column, in dots above the bottom."""

    def __init__(self, shown: Frame, width: int, height: int) -> None:
        self._frame, self._width, self._height = shown, width, height
        self._low: list[float] = [math.inf] * (2 * width)
        self._high: list[float] = [-math.inf] * (2 * width)
        self._previous: Point | None = None
        self.cut: set[int] = set()

    def copy(self) -> _Columns:
        other = _Columns(self._frame, self._width, self._height)
        other._low, other._high, other._previous = self._low[:], self._high[:], self._previous
        other.cut = set(self.cut)
        return other

    def add(self, points: Iterable[Point]) -> None:
        shown = self._frame
        x_scale = (2 * self._width - 1) / (shown.right - shown.left or 1)
        y_scale = (4 * self._height - 1) / (shown.top - shown.bottom or 1)
        for x, y in points:
            if not math.isfinite(y) or not shown.left <= x <= shown.right:
                self._previous = None
                continue
            at, level = (x - shown.left) * x_scale, shown.scaled(y)
            if level > shown.top:
                self.cut.add(round(at) // 2)
            self._join(at, (min(max(level, shown.bottom), shown.top) - shown.bottom) * y_scale)

    def _join(self, at: float, height: float) -> None:
        column = round(at)
        if self._previous is not None:
            begun, before = self._previous
            start = round(begun)
            for between in range(start + 1, column):
                self._mark(between, before + (between - begun) / (at - begun) * (height - before))
            # Steep lines stay joined: each column reaches half way to its neighbour.
            if column > start:
                beside = column - 1 if column - 1 > start else start
                middle = (height + before) / 2 if beside == start else height
                self._mark(beside, middle)
                self._mark(column, middle)
        self._mark(column, height)
        self._previous = at, height

    def _mark(self, column: int, height: float) -> None:
        if height < self._low[column]:
            self._low[column] = height
        if height > self._high[column]:
            self._high[column] = height

    def masks(self) -> Masks:
        last = 4 * self._height - 1
        grid = [bytearray(self._width) for _ in range(self._height)]
        for column, (bottom, top) in enumerate(zip(self._low, self._high, strict=True)):
            if bottom > top:
                continue
            dots = _DOTS[column % 2]
            for y in range(round(bottom), round(top) + 1):
                row = last - y
                grid[row // 4][column // 2] |= dots[row % 4]
        return [bytes(row) for row in grid]
