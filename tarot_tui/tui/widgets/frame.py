"""Which part of the plane a chart shows, and how its axes are labelled: plain functions, no Textual."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tarot_tui.tui.widgets.series import Point

#: What lies below counts as this on a logarithmic scale, as zero does.
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Frame:
    """x from left to right, y from bottom to top, and the y values that get labels.

    log: y is drawn by its magnitude; bottom, top and ticks then are powers of ten.
    """

    left: float
    right: float
    bottom: float
    top: float
    ticks: tuple[float, ...] = ()
    log: bool = False

    def scaled(self, y: float) -> float:
        """Where ``y`` belongs between bottom and top."""
        return math.log10(max(y, _SMALLEST)) if self.log else y

    def holds(self, low: float, high: float) -> bool:
        """Whether scaled values from ``low`` to ``high`` fit without wasting more than half of the height."""
        return self.bottom <= low and high <= self.top and high - low >= 0.4 * (self.top - self.bottom)

    def labels(self) -> list[tuple[float, str]]:
        """(scaled y, text) of every tick, at most six characters each."""
        if self.log:
            return [(tick, _short(10.0**tick)) for tick in self.ticks]
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        digits = min(max(0, -math.floor(math.log10(step) + 1e-9)), 12)
        return [(tick, _fixed(tick, digits)) for tick in self.ticks]


def _fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text if len(text) <= 6 else f"{value:.0e}"


def _short(value: float) -> str:
    text = f"{value:.3g}"
    return text if len(text) <= 6 else f"{value:.0e}"


def frame(
    points: Sequence[Point], end: float | None = None, before: Frame | None = None, *, log: bool = False
) -> Frame:
    """What to show of ``points``, so that the picture seldom jumps.

    x runs from 0 to the next power of two, at most to ``end`` (where the curve will stop, if known). The y range
    moves only when ``before`` no longer fits. A few wild spikes do not flatten the rest: they are cut at the top.
    """
    left, right = whole(points[-1][0] if points else 1.0, end)
    return fitted(Frame(left, right, 0.0, 1.0, log=log), (y for _x, y in points), before)


def whole(last: float, end: float | None = None) -> tuple[float, float]:
    """The x range from the beginning to ``last``, which grows by doubling, at most to ``end`` unless it has got further."""
    span = 2.0 ** math.ceil(math.log2(max(last, 8.0)))
    return 0.0, span if end is None or end < last else max(min(span, end), 1.0)


def fitted(shown: Frame, values: Iterable[float], before: Frame | None = None) -> Frame:
    """``shown`` with a y range for ``values``: that of ``before`` while it fits."""
    low, high = _interesting([shown.scaled(y) for y in values if math.isfinite(y)])
    if before and before.log == shown.log and before.holds(low, high):
        return replace(shown, bottom=before.bottom, top=before.top, ticks=before.ticks)
    bottom, top, ticks = (_decades if shown.log else _even)(low, high)
    return replace(shown, bottom=bottom, top=top, ticks=ticks)


def _even(low: float, high: float) -> tuple[float, float, tuple[float, ...]]:
    step = _nice((high - low) / 3)
    bottom, top = math.floor(2 * low / step) * step / 2, math.ceil(2 * high / step) * step / 2
    first = math.ceil(bottom / step)
    return bottom, top, tuple(step * number for number in range(first, math.floor(top / step + 1e-9) + 1))


def _decades(low: float, high: float) -> tuple[float, float, tuple[float, ...]]:
    margin = 0.05 * (high - low)
    low, high = low - margin, high + margin
    if high - low < 0.7:
        # Less than a factor of five: even steps of the value itself say more.
        _bottom, _top, values = _even(10.0**low, 10.0**high)
        ticks = [math.log10(value) for value in values if value > 0]
    else:
        within = (1, 2, 5) if high - low < 3 else (1,)
        every = 1 if high - low < 9 else 3
        powers = range(math.floor(low), math.ceil(high) + 1, every)
        ticks = [power + math.log10(factor) for power in powers for factor in within]
    return low, high, tuple(tick for tick in ticks if low <= tick <= high)


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
