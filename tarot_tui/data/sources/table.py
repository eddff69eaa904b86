"""What every reader yields: tables, whose rows are named cells of text.

Cells are kept as they are, except that NULs are dropped, line ends become ``\\n`` and the white space around the
text, which nobody sees in an office program, is trimmed. Other control characters stay: they are made harmless
where text is shown, and training data is not ours to rewrite.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tarot_tui.findings import Finding
from tarot_tui.text import one_line

#: The one column of paragraphs and lines.
TEXT = "text"

#: The longest cell, paragraph or line in characters; more is no document but an accident or an attack.
LONGEST = 16_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a source.

    section: the sheet's name, ``段落`` (paragraph), ``行`` (line), ``表格1`` (table of a document), '' for csv.
    number: counted from 1 below the header, empty rows included, as the old batch script counted.
    cells: column name → text, in the order of the columns; '' for an empty cell.
    """

    source: Path
    section: str
    number: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Header:
    """Where a table is and what its columns are called.

    kind: ``sheet`` of a workbook, ``grid`` (csv, table of a document) or ``text`` (paragraphs, lines).
    main: the table that its file is about: the first sheet, the csv itself.
    context: columns that say where a text stands (the heading above a paragraph): for patterns to name, no content
    of their own.
    """

    source: Path
    section: str
    columns: tuple[str, ...]
    kind: Literal["sheet", "grid", "text"]
    main: bool = True
    context: tuple[str, ...] = ()

    def place(self, column: str) -> str:
        """What an instruction calls a cell of ``column``.

        The column's name in the main table and the section's for paragraphs and lines, as in the old script. Other
        tables, which it did not read, prefix theirs (``Tarot!Number``): two sheets may well have the same columns.
        """
        if self.kind == "text":
            return self.section
        return column if self.main else f"{self.section}!{column}"


@dataclass(frozen=True)
class Table(Header):
    """A header and, once, the values below it: for each row as many cleaned texts as there are columns.

    ``values`` is the fast way, for what works by position; :meth:`rows` the convenient one. Either can be read once,
    and only while the reader that yielded the table is at it.
    """

    values: Iterable[Sequence[str]] = field(default=(), repr=False)

    def head(self) -> Header:
        """The header alone."""
        return Header(self.source, self.section, self.columns, self.kind, self.main, self.context)

    def rows(self) -> Iterator[Row]:
        """The rows, read as they are asked for."""
        for number, values in enumerate(self.values, 1):
            yield Row(self.source, self.section, number, dict(zip(self.columns, values, strict=True)))


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    header: the row that names the columns, counted from 1 as the office program counts (None: found); for workbooks
    and csv. sheets: the only ones of a workbook to read (empty: all). preview: only the beginning will be read, so the
    whole file need not be checked first.
    """

    header: int | None = None
    sheets: tuple[str, ...] = ()
    preview: bool = False


#: Who hears what a reader noticed.
Note = Callable[[Finding], None]


def fitted(rows: Iterable[Sequence[str]], width: int) -> Iterator[Sequence[str]]:
    """``rows`` with empty cells at the end of short ones, and what is beyond ``width`` left out."""
    for row in rows:
        if len(row) == width:
            yield row
        else:
            yield [*row[:width], *[""] * (width - len(row))]


def clean(text: str) -> str:
    """``text`` of one cell as described above."""
    if "\0" in text:
        text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip()


def shown(path: Path) -> str:
    """The path as it may be said in a sentence: on one line, nothing in it a terminal would obey."""
    return one_line(str(path))


def file_name(path: Path) -> str:
    """The file's name as text that can be stored: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(path.name).decode("utf-8", "replace")
