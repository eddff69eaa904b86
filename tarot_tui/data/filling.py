"""Patterns made ready for one table: a row's values go in by position, its samples' texts come out.

What :meth:`Pattern.fill` and ``samples.as_text`` make of a row one after the other, several times as fast: all that is
the same for every row is made once, and a cell that several patterns name is written as JSON once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tarot_tui.data.samples import quoted
from tarot_tui.data.template import Pattern, columns_of, parse

Fill = Callable[[Sequence[str]], list[str]]


def ready(patterns: Sequence[Pattern], columns: Sequence[str], *, with_system: bool) -> Fill:
    """A function from a row's values to the texts of its samples, one for each pattern that is not left out.

    The patterns' columns must be among ``columns``; ``with_system`` as in :meth:`Pattern.fill`.
    """
    used = columns_of(*(text for pattern in patterns for text in _fields(pattern, with_system).values()))
    places = [columns.index(column) for column in used]
    made = [_ready(pattern, used, with_system) for pattern in patterns]

    def fill(values: Sequence[str]) -> list[str]:
        # Without quotes: a cell stands within a longer text.
        cells = [quoted(values[place])[1:-1] for place in places]
        whole = "" not in cells
        return [text % pick(cells) for text, pick, needed in made if whole or all(cells[at] for at in needed)]

    return fill


def _ready(
    pattern: Pattern, used: list[str], with_system: bool
) -> tuple[str, Callable[[list[str]], Any], list[int]]:
    """A %-format of the whole sample, what picks the cells that go into it, and those that must not be empty."""
    lines, order = [], []
    for key, field in _fields(pattern, with_system).items():
        text = ""
        for literal, column in parse(field):
            text += quoted(literal)[1:-1].replace("%", "%%")
            if column:
                text += "%s"
                order.append(used.index(column))
        lines.append(f'    {quoted(key)}: "{text}"')
    needed = [used.index(column) for column in columns_of(pattern.instruction, pattern.output)]
    pick = itemgetter(*order) if order else lambda _cells: ()
    return "\n  {\n" + ",\n".join(lines) + "\n  }", pick, needed


def _fields(pattern: Pattern, with_system: bool) -> dict[str, str]:
    keys = ("instruction", "input", "output", "system")[: 4 if with_system else 3]
    return {key: getattr(pattern, key) for key in keys}
