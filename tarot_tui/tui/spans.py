"""Runs of text that each have a role, measured and fitted in cells: what readings are made of, before they have a look.

No Textual here: the first picture of a start is made of them too (:mod:`tarot_tui.tui.first_frame`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from tarot_tui.line_breaks import broken
from tarot_tui.text import one_line

#: (role, text): a widget's look for the role is its component class ``<PREFIX>--<role>``; an empty role is its own look.
Run = tuple[str, str]
Runs = list[Run]


def width_of(runs: Sequence[Run]) -> int:
    """The cells that ``runs`` take."""
    return sum(cell_len(text) for _, text in runs)


def cut(text: str, width: int) -> str:
    """``text`` plain, on one line, and at most ``width`` cells wide (an ellipsis marks the cut)."""
    flat = one_line(text, max(width, 1))
    return flat if cell_len(flat) <= width else set_cell_size(flat, max(width - 1, 0)).rstrip() + "…"


def spread(left: Runs, right: Runs, width: int) -> Runs:
    """``left`` at the left edge, ``right`` at the right one; what does not fit of ``left`` is cut."""
    room = width - width_of(right)
    return [*fit(left, room - 1), ("", " "), *right] if right else fit(left, width)


def fit(runs: Sequence[Run], width: int) -> Runs:
    """``runs`` cut or filled with spaces to exactly ``width`` cells."""
    result: Runs = []
    room = max(width, 0)
    for role, text in runs:
        size = cell_len(text)
        if size > room:
            text, size = set_cell_size(text, room), room
        result.append((role, text))
        room -= size
    return [*result, ("", " " * room)] if room else result


def flow(items: Sequence[Runs], width: int, gap: int = 3) -> list[Runs]:
    """``items`` side by side, ``gap`` cells apart, on as many lines of ``width`` cells as they need."""
    lines: list[Runs] = []
    for item in items:
        if lines and width_of(lines[-1]) + gap + width_of(item) <= width:
            lines[-1] = [*lines[-1], ("", " " * gap), *item]
        else:
            lines.append(list(item))
    return lines


def bar(share: float, width: int, role: str) -> Runs:
    """A bar of ``width`` cells, filled to ``share`` (0 to 1) in steps of half a cell, over a ``track``.

    Braille, since blocks and lines are two cells wide in some terminals.
    """
    halves = round(max(0.0, min(share, 1.0)) * width * 2)
    filled = "⠶" * (halves // 2) + "⠆" * (halves % 2)
    return [(role, filled), ("track", "⠤" * (width - len(filled)))]


def chop_words(text: str, width: int) -> list[str]:
    """``text`` on lines of at most ``width`` cells, broken where its language allows; a longer word, anywhere."""
    lines = broken(" ".join(text.split()), width)
    return [part for line in lines for part in chop_cells(line, max(width, 2)) or [""]]
