"""Every cell a sample: what the old batch script made of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tarot_tui.data.filling import as_format, as_pieces, mark
from tarot_tui.data.patterns import fill
from tarot_tui.data.samples import alpaca, quoted
from tarot_tui.data.sources.table import Header, Table, file_name
from tarot_tui.data.template import Template

_NUMBER, _CELL = 0, 1


def texts(template: Template, table: Table, *, with_system: bool, with_history: bool) -> Iterator[list[str]]:
    """The samples of each row, as ``samples.as_text`` makes them.

    All of a sample is made once for a column, but the row's number and the cell. with_system, with_history: whether
    samples have that key, which other samples of the file may need.
    """
    assert template.cells
    made = [
        None
        if column in table.context
        else as_pieces(_sample(template, table, column, with_system, with_history))
        for column in table.columns
    ]
    usual = [one and _usual(*one) for one in made]
    if usual.count(None) == made.count(None):
        return _usual_texts(usual, table)
    return _texts([one and (as_format(one[0]), one[1]) for one in made], table)


def _usual_texts(pieces: list[tuple[str, str, str] | None], table: Table) -> Iterator[list[str]]:
    for number, values in enumerate(table.values, 1):
        yield [
            f"{one[0]}{number}{one[1]}{quoted(text)}{one[2]}"
            for one, text in zip(pieces, values, strict=True)
            if text and one
        ]


def _texts(formats: list[tuple[str, list[int]] | None], table: Table) -> Iterator[list[str]]:
    for number, values in enumerate(table.values, 1):
        filled = [
            (one, (number, quoted(text)[1:-1]))
            for one, text in zip(formats, values, strict=True)
            if text and one
        ]
        yield [text % tuple([put[place] for place in order]) for (text, order), put in filled]


def _usual(pieces: list[str], order: list[int]) -> tuple[str, str, str] | None:
    """What stands before, between and behind the number and a cell that is a whole field, if that is how it is.

    Such a cell needs no quotes taken off and put on again, which is a good part of the work.
    """
    if order != [_NUMBER, _CELL]:
        return None
    before, between, after = pieces
    if not (between.endswith('"') and after.startswith('"')):
        return None
    return before, between[:-1], after[1:]


def _sample(
    template: Template, header: Header, column: str, with_system: bool, with_history: bool
) -> dict[str, Any]:
    """The sample of a column, with marks where the row's number and the cell go."""
    cells = template.cells
    assert cells
    named = {
        "file": file_name(header.source),
        "place": header.place(column),
        "number": mark(_NUMBER),
        "cell": mark(_CELL),
    }
    sample = {
        "instruction": fill(cells.instruction, named),
        "input": fill(cells.input, named),
        "output": fill(cells.output, named),
        "system": fill(template.system, named),
    }
    return alpaca(sample, with_system=with_system, with_history=with_history)
