"""Rows drawn together, as cards are for a spread. The same rows and seed give the same draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random

from tarot_tui.data.fitting import drawn_columns
from tarot_tui.data.patterns import fill, needed_by
from tarot_tui.data.sources.table import Header, Table
from tarot_tui.data.template import Draw, Template
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Rows are drawn from memory: a deck, not a database.
MOST_ROWS = 100_000
#: How often a draw may come out like an earlier one before there are no others.
_TRIES = 50

_Choices = list[list[list[str]]]


def drawn(template: Template, table: Table) -> Table:
    """The table of draws: each of its rows is several of ``table``, one beside the other.

    Raises BadInput when there are too many rows to hold, once the rows are asked for.
    """
    columns = tuple(drawn_columns(template, table.columns))
    return Table(table.source, table.section, columns, table.kind, table.main, values=_draws(template, table))


def _draws(template: Template, table: Table) -> Iterator[list[str]]:
    draw = template.draw
    assert draw
    rows = list(islice((list(values) for values in table.values if any(values)), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise BadInput(
            _("{place}: rows can be drawn from at most {most}; build it of fewer.").format(
                place=_place(table), most=MOST_ROWS
            )
        )
    choices = [_choices(draw, table, values) for values in rows]
    # A row that has none of what 'either' offers is never drawn.
    usable = [number for number, found in enumerate(choices) if found]
    random = Random(template.seed)
    seen: set[tuple[tuple[int, int], ...]] = set()
    for _number in range(draw.samples):
        one = _new(lambda: _draw(random, draw, usable, choices), seen) if len(usable) >= draw.rows else None
        if one is None:
            return
        yield [text for row, choice in one for text in (*rows[row], *choices[row][choice])]


def _new(
    make: Callable[[], tuple[tuple[int, int], ...]], seen: set[tuple[tuple[int, int], ...]]
) -> tuple[tuple[int, int], ...] | None:
    for _try in range(_TRIES):
        made = make()
        if made not in seen:
            seen.add(made)
            return made
    return None


def _draw(random: Random, draw: Draw, usable: list[int], choices: _Choices) -> tuple[tuple[int, int], ...]:
    """Which rows, and what was chosen for each."""
    rows = random.sample(usable, draw.rows)
    return tuple((row, random.randrange(len(choices[row]))) for row in rows)


def _choices(draw: Draw, table: Header, values: Sequence[str]) -> list[list[str]]:
    """What ``either`` can add to this row: one list of cells for each option of which none is empty."""
    if not draw.either:
        return [[]]
    cells = dict(zip(table.columns, values, strict=True))
    return [
        [fill(option.get(name, ""), cells) for name in draw.added]
        for option in draw.either
        if all(cells[column] for column in needed_by(*option.values()))
    ]


def _place(header: Header) -> str:
    return one_line(f"{header.source.name} {header.section}".strip())
