"""Sources: documents as tables of rows. One module per kind of file, imported when such a file is read."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Literal

from tarot_tui.data.sources import contained
from tarot_tui.data.sources.collecting import collect
from tarot_tui.data.sources.kinds import CONTAINED, KINDS
from tarot_tui.data.sources.table import Header, Note, Reading, Row, Table, file_name, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

__all__ = [
    "KINDS",
    "Header",
    "Note",
    "Reading",
    "Row",
    "Table",
    "collect",
    "columns",
    "file_name",
    "headers",
    "kind",
    "read_rows",
    "tables",
]

_EXAMPLE_ROWS = 50
_WHOLE = Reading()
#: Any of these sets of columns makes a sample.
_SAMPLES = ({"instruction", "output"}, {"messages"}, {"conversations"})


def _unheard(_finding: Finding) -> None:
    pass


def tables(path: Path, reading: Reading = _WHOLE, note: Note = _unheard) -> Iterator[Table]:
    """The tables of one file. Read a table's rows before asking for the next.

    note: hears what was noticed while reading (ragged rows, hidden sheets), the last of it at the end. Raises
    BadInput for a file that cannot be read, in one sentence.
    """
    module = KINDS[path.suffix.lower()]
    try:
        if module in CONTAINED:
            yield from contained.tables(module, path, reading, note)
        else:
            reader = importlib.import_module(f"tarot_tui.data.sources.{module}")
            yield from reader.tables(path, reading, note)
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(
                file=shown(path), reason=one_line(error.strerror or str(error), 120)
            )
        ) from None


def kind(path: Path) -> Literal["rows", "samples"]:
    """Whether ``path`` holds training samples already (Alpaca, ShareGPT, OpenAI messages), or rows to make some of.

    Told by the columns of JSON, JSON lines and parquet; what cannot be read holds rows, and its reader will complain.
    """
    if path.suffix.lower() not in (".json", ".jsonl", ".parquet"):
        return "rows"
    try:
        found = {column for one in headers(path) for column in one.columns}
    except BadInput:
        return "rows"
    return "samples" if any(columns <= found for columns in _SAMPLES) else "rows"


def read_rows(path: Path) -> Iterator[Row]:
    """All rows of one file, table after table."""
    for table in tables(path):
        yield from table.rows()


def headers(path: Path, reading: Reading = _WHOLE) -> list[Header]:
    """What the tables of one file are called and which columns they have, without their rows."""
    return [table.head() for table in tables(path, replace(reading, preview=True))]


def columns(path: Path, reading: Reading = _WHOLE) -> dict[str, list[tuple[str, str]]]:
    """For each table its columns, each with an example: the first cell that holds something, '' if none soon does.

    The key is the sheet's or section's name, for csv the file's. A column with neither a name nor an example is left
    out. Only the first rows of a table are looked at.
    """
    found = {}
    for table in tables(path, replace(reading, preview=True)):
        examples = dict.fromkeys(table.columns, "")
        for row in islice(table.rows(), _EXAMPLE_ROWS):
            for name, text in row.cells.items():
                examples[name] = examples[name] or text
        found[table.section or file_name(path)] = [
            (name, text) for name, text in examples.items() if text or not name.startswith("Unnamed: ")
        ]
    return found
