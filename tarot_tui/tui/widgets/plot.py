"""A chart as lines of text: axes, curves over one another, marks, and a cursor. Plain functions, no Textual."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from tarot_tui.tui.widgets.braille import BLANK, Drawn, draw
from tarot_tui.tui.widgets.frame import Frame, frame
from tarot_tui.tui.widgets.series import Point, Series

#: Cells of the labels of the y axis.
LABEL_WIDTH = 7

#: Dots of a cell up to which the curve in it is a thin one.
_THIN = 3

#: One line of a chart as (role, text) runs; the roles are "axis", "grid", "cursor", and those of layers and flags.
Runs = list[tuple[str, str]]


@dataclass(frozen=True)
class Layer:
    """One curve: its role, and how it is drawn."""

    role: str
    drawn: Drawn


@dataclass(frozen=True)
class Flag:
    """A character at the bottom of the chart, at x: a checkpoint, a reading that was no number."""

    x: float
    char: str
    role: str


def lines(
    layers: Sequence[Layer],
    flags: Sequence[Flag],
    shown: Frame,
    width: int,
    height: int,
    cursor: float | None = None,
) -> list[Runs]:
    """A chart of ``width`` × ``height`` cells, axes included, as runs of one role each; the last line labels x.

    Later layers and flags lie over earlier ones. ``^`` at the top marks what goes beyond it. The layers must have been
    drawn in :func:`plot_size`.
    """
    plot_width, plot_height = plot_size(width, height)
    labels = _tick_rows(shown, plot_height)
    at_bottom = {_column(flag.x, shown, plot_width): flag for flag in flags if _inside(flag.x, shown)}
    cursor_column = (
        None if cursor is None or not _inside(cursor, shown) else _column(cursor, shown, plot_width)
    )
    beyond = set().union(*(layer.drawn[1] for layer in layers))
    result: list[Runs] = []
    for row in range(plot_height):
        curves = tuple((layer.role, layer.drawn[0][row]) for layer in layers)
        over: dict[int, tuple[str, str]] = {}
        if cursor_column is not None:
            over[cursor_column] = ("cursor", "⡇")
        if row == 0:
            over |= dict.fromkeys(beyond, ("bad", "^"))
        if row == plot_height - 1:
            over |= {column: (flag.role, flag.char) for column, flag in at_bottom.items()}
        label = labels.get(row, "").rjust(LABEL_WIDTH - 1)[: LABEL_WIDTH - 1] + " "
        result.append([("axis", label), *_row(curves, row in labels, plot_width, tuple(over.items()))])
    result.append([("axis", _x_labels(shown, plot_width))])
    return result[:height]


def plot_size(width: int, height: int) -> tuple[int, int]:
    """The cells that curves have in a chart of this size."""
    return max(width - LABEL_WIDTH, 1), max(height - 1, 1)


#: A character and its role.
_Cell = tuple[str, str]


@lru_cache(160)  # most rows are as they were at the look before
def _row(
    layers: tuple[tuple[str, bytes], ...], has_label: bool, width: int, over: tuple[tuple[int, _Cell], ...]
) -> tuple[_Cell, ...]:
    """One row of the plot; ``over``: cells by column that lie over the curves, the cursor only beside them."""
    cells = [("grid", "⠂" if has_label and column % 4 == 3 else " ") for column in range(width)]
    under = bytearray(width)
    for role, masks in layers:
        for column, mask in enumerate(masks):
            if mask:
                # A thin curve below stays whole; a thick one would hide this one's course.
                thin = under[column] if under[column].bit_count() <= _THIN else 0
                under[column] = mask
                cells[column] = (role, chr(BLANK + (mask | thin)))
    for column, cell in over:
        if cell[0] != "cursor" or cells[column][0] == "grid":
            cells[column] = cell
    return tuple(
        (role, "".join(text for _, text in run)) for role, run in groupby(cells, lambda cell: cell[0])
    )


def _inside(x: float, shown: Frame) -> bool:
    return shown.left <= x <= shown.right


def _column(x: float, shown: Frame, width: int) -> int:
    return round((x - shown.left) * (width - 1) / (shown.right - shown.left or 1))


def _tick_rows(shown: Frame, height: int) -> dict[int, str]:
    rows: dict[int, str] = {}
    labels = shown.labels()
    # No more labels than every second row has room for.
    for tick, text in labels[:: max(1, math.ceil(2 * len(labels) / (height + 1)))]:
        share = (tick - shown.bottom) / (shown.top - shown.bottom or 1)
        rows[(4 * height - 1 - round(share * (4 * height - 1))) // 4] = text
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
    curve = Layer("raw", draw(series.points, shown, *plot_size(width, height)))
    flags = [Flag(x, "!", "bad") for x in series.bad]
    return ["".join(text for _, text in runs) for runs in lines([curve], flags, shown, width, height)]
