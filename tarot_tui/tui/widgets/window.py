"""Which x a chart shows: everything, or a part that one zooms and pans, or that follows the end. Plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tarot_tui.tui.widgets.frame import whole

#: The fewest steps that a window may span.
_LEAST = 4.0


@dataclass(frozen=True)
class Window:
    """span: how many steps are shown, None for all. left: where it begins, None while it follows the end."""

    span: float | None = None
    left: float | None = None

    @property
    def follows(self) -> bool:
        """Whether new readings come into sight by themselves."""
        return self.left is None

    def limits(self, last: float, end: float | None) -> tuple[float, float]:
        """The x range to show of a curve that has got to ``last`` and will stop at ``end``.

        One that follows moves on in strides of a quarter, so that most new readings leave the picture where it is.
        """
        if self.span is None:
            return whole(last, end)
        if self.left is not None:
            return self.left, self.left + self.span
        stride = self.span / 4
        left = max(0.0, math.ceil(last / stride) * stride - self.span)
        return left, left + self.span

    def zoomed(self, factor: float, around: float, last: float, end: float | None) -> Window:
        """The window with ``factor`` times as many steps, ``around`` staying where it is; all when that is more than all."""
        left, right = self.limits(last, end)
        first, most = whole(last, end)
        span = max((right - left) * factor, _LEAST)
        if span >= most - first:
            return Window()
        share = (around - left) / (right - left or 1)
        if self.follows and around >= last:
            return Window(span)
        return Window(span, max(0.0, around - share * span))

    def moved(self, share: float, last: float, end: float | None) -> Window:
        """The window ``share`` of its width further on; at the end of the curve it follows again."""
        if self.span is None:
            return self
        left = self.limits(last, end)[0] + share * self.span
        if share > 0 and left + self.span > last:
            return replace(self, left=None)
        return replace(self, left=max(0.0, left))

    def showing(self, x: float, last: float, end: float | None) -> Window:
        """The window moved no further than needed for ``x`` to be in it."""
        left, right = self.limits(last, end)
        if left <= x <= right or self.span is None:
            return self
        return replace(self, left=max(0.0, x - (0.1 if x < left else 0.9) * self.span))
