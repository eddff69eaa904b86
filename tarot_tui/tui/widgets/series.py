"""Curves that grow for ever in bounded memory: plain data, no Textual."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

#: A reading beyond this is as good as infinite, and differences below it stay finite.
LARGEST = 1e300

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """How a :class:`Series` is at one moment; for another thread.

    points: in order of x, NaN where a reading was no number. stable: how many of them will never change while
    ``version``, which no other series shares, is the same. bad: the last x that had no number; bad_count: how many there were. last: the latest y, NaN
    when it was no number, None before the first. thinned: whether some readings are left out.
    """

    points: list[Point]
    stable: int = 0
    version: tuple[int, int] = (0, 0)
    bad: tuple[float, ...] = ()
    bad_count: int = 0
    last: float | None = None
    thinned: bool = False


NOTHING = Curve([])
_SERIALS = itertools.count(1)


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
        self._serial = next(_SERIALS)
        self._version = 0
        #: Of every ``_group`` readings the lowest and the highest are kept; the newest wait until a group is full.
        self._group = 2
        self._kept: list[Point] = []
        self._newest: list[Point] = []

    @property
    def points(self) -> list[Point]:
        """The curve, at most about twice ``keep`` points of it, evenly thinned; the latest reading is always there."""
        points = self._kept + self._newest
        if points and points[-1][0] < self._x and self.last is not None:
            points.append((self._x, self.last))
        return points

    def frozen(self) -> Curve:
        """How it is now."""
        return Curve(
            self.points,
            len(self._kept),
            (self._serial, self._version),
            tuple(self.bad),
            self.bad_count,
            self.last,
            self._group > 2,
        )

    def append(self, x: float, y: float | None) -> None:
        """Add one reading."""
        if x <= self._x:
            self._forget_from(x)
        self._x = x
        if y is None or not abs(y) < LARGEST:
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
            self._version += 1

    def _forget_from(self, x: float) -> None:
        self._newest = [point for point in self._newest if point[0] < x]
        while self._kept and self._kept[-1][0] >= x:
            self._kept.pop()
        kept = [at for at in self.bad if at < x]
        self.bad_count -= len(self.bad) - len(kept)
        self.bad = kept
        self._version += 1


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
        if abs(y) < LARGEST:
            self._count += 1
            share = 1 / max(5.0, self._count / 20)
            self._sum += share * (y - self._sum)
            self._norm += share * (1 - self._norm)
        return self._sum / self._norm if self._norm else math.nan
