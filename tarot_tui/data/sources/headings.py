"""The header row of a table: found, or set by the user; and the names it gives the columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tarot_tui.data.sources.table import clean, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Rows in which the header is looked for.
FIRST_ROWS = 20

#: As many as a spreadsheet can have.
MOST_COLUMNS = 16_384


def find(rows: Sequence[Sequence[str]]) -> int | None:
    """The position among the first ``rows`` of the one that names the columns; None when all are blank.

    It is the first row in use, unless a title stands there: a row of one cell, above one of at least three, or set
    apart by a blank row.
    """
    filled = [sum(map(bool, row)) for row in rows]
    first = next((at for at, count in enumerate(filled) if count), None)
    wide = next((at for at, count in enumerate(filled) if count > 1), None)
    if first is None or wide is None or wide == first:
        return first
    return wide if filled[wide] > 2 or not filled[wide - 1] else first


def title_note(place: str, row: int) -> Finding:
    """What is said when a header was found below other rows."""
    text = _("{place}: row {row} names the columns; what stands above it was left out.")
    return Finding("data.header_row", "info", text.format(place=one_line(place), row=row))


def no_such_row(place: str, header: int) -> str:
    """What is said when the header row that was set is not there."""
    return _("{place}: there is no row {row} to name the columns.").format(place=one_line(place), row=header)


def check_width(path: Path, columns: int) -> None:
    """Raise BadInput for more columns than any spreadsheet has."""
    if columns > MOST_COLUMNS:
        raise BadInput(
            _("{file}: {count} columns, and no more than {most} are read; is this the right file?").format(
                file=shown(path), count=f"{columns:,}", most=f"{MOST_COLUMNS:,}"
            )
        )


def name_columns(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """Column names out of a header row: on one line, none empty, none twice.

    An empty one becomes ``Unnamed: 2`` (its position from 0) and a repeated one ``Name.1``: the names that pandas
    gives, so that instructions are the old script's. Raises BadInput for more than any spreadsheet has.
    """
    check_width(path, len(header))
    wanted = [" ".join(clean(text).split()) or f"Unnamed: {index}" for index, text in enumerate(header)]
    originals = set(wanted)
    taken: set[str] = set()
    copies: dict[str, int] = {}
    names = []
    for name in wanted:
        unique = name
        while unique in taken or (unique != name and unique in originals):
            copies[name] = copies.get(name, 0) + 1
            unique = f"{name}.{copies[name]}"
        taken.add(unique)
        names.append(unique)
    return tuple(names)
