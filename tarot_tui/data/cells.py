"""Every cell a sample: what the old batch script made of a document."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.data.filling import as_format, mark
from tarot_tui.data.patterns import fill
from tarot_tui.data.samples import quoted
from tarot_tui.data.sources.table import Header, Table, file_name
from tarot_tui.data.template import Cells, Template

_NUMBER, _CELL = 0, 1


def texts(template: Template, table: Table) -> Iterator[list[str]]:
    """The samples of each row, as ``samples.as_text`` makes them.

    All of a sample is made once for a column, but the row's number and the cell.
    """
    assert template.cells
    formats = [
        None if column in table.context else _format(template, template.cells, table, column)
        for column in table.columns
    ]
    for number, values in enumerate(table.values, 1):
        row = str(number)
        yield [
            one[0] % tuple([row if is_number else quoted(text)[1:-1] for is_number in one[1]])
            for one, text in zip(formats, values, strict=True)
            if text and one
        ]


def _format(template: Template, cells: Cells, header: Header, column: str) -> tuple[str, list[bool]]:
    """A ``%`` format of the sample, and for each ``%s`` whether the row's number goes there, or else the cell."""
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
    }
    if template.has_system:
        sample["system"] = fill(template.system, named)
    text, order = as_format(sample)
    return text, [place == _NUMBER for place in order]
