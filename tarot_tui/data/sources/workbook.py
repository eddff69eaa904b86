"""Spreadsheets: every sheet of an Excel or OpenDocument file, cells as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data.sources import archive, headings
from tarot_tui.data.sources.cells import as_text
from tarot_tui.data.sources.number_format import Show
from tarot_tui.data.sources.sheet_xml import Parts, Remarks
from tarot_tui.data.sources.table import Note, Reading, Table, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_LARGEST = 2_000_000_000
_ZIPPED = {".xlsx", ".xlsm", ".xlsb", ".ods"}

Formatted = Iterator[tuple[int, dict[int, Show]]]
Area = tuple[tuple[int, int], tuple[int, int]]  # first and last row and column, counted from 0


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table per sheet that holds anything, in the workbook's order.

    A header that is set holds for each sheet. Formulas give their stored value; a cell merged over several rows gives
    its text to each of them. Hidden sheets and rows are read as well, and noted. A sheet is in memory while its table
    is read, not longer.
    """
    kind = archive.kind_of(path)
    if kind == "zip":
        archive.check(path, _LARGEST)
    try:
        with archive.damage_named(path):
            yield from _sheets(path, kind, reading, note)
    except (OSError, BadInput):
        raise
    except BaseException as error:
        if not _calamine_s(error):
            raise
        raise BadInput(_unreadable(path, kind, error)) from None


def _calamine_s(error: BaseException) -> bool:
    from python_calamine import CalamineError

    # A panic of the Rust side derives from BaseException and cannot be imported.
    return isinstance(error, CalamineError) or type(error).__name__ == "PanicException"


def _unreadable(path: Path, kind: str, error: BaseException) -> str:
    from python_calamine import PasswordError

    if isinstance(error, PasswordError) or (kind == "ole" and path.suffix.lower() in _ZIPPED):
        return archive.protected(path)
    return _(
        "{file} cannot be read as a spreadsheet ({reason}): open it in its program and save it anew as xlsx."
    ).format(file=shown(path), reason=one_line(str(error) or type(error).__name__, 120))


def _open(path: Path, kind: str) -> CalamineWorkbook:
    from python_calamine import CalamineWorkbook

    if (kind == "zip") == (path.suffix.lower() in _ZIPPED):
        return CalamineWorkbook.from_path(path)
    # Under a name that promises the other kind calamine finds out by itself, given no name.
    with open(path, "rb") as file:
        return CalamineWorkbook.from_filelike(file)


def _sheets(path: Path, kind: str, reading: Reading, note: Note) -> Iterator[Table]:
    with (
        ThreadPoolExecutor(1) as beside,
        closing(Parts(path)) if kind == "zip" else nullcontext() as parts,
    ):
        # The thread begins while there is memory: Python waits for ever for one that cannot.
        beside.submit(int).result()
        yield from _read(path, kind, reading, note, parts, beside)


def _read(
    path: Path, kind: str, reading: Reading, note: Note, parts: Parts | None, beside: ThreadPoolExecutor
) -> Iterator[Table]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    with _open(path, kind) as book:
        main = True
        for about in book.sheets_metadata:
            if about.typ is not SheetTypeEnum.WorkSheet or (
                reading.sheets and about.name not in reading.sheets
            ):
                continue
            place = f"{path.name} '{about.name}'"
            # calamine lets go of Python while it reads a sheet: what else there is to say is found meanwhile.
            remarks = beside.submit(parts.remarks, about.name) if parts and not reading.preview else None
            sheet = book.get_sheet_by_name(about.name)
            formatted = parts.formatted(about.name) if parts else iter(())
            table = _table(path, sheet, formatted, reading.header, main, note)
            if table is None:
                continue
            main = False
            if about.visible is not SheetVisibleEnum.Visible:
                note(_finding("data.hidden_sheet", _("{place}: this sheet is hidden and was read."), place))
            yield table
            del sheet, table
            if remarks:
                _remark(remarks.result(), place, note)


def _table(
    path: Path, sheet: CalamineSheet, formatted: Formatted, header: int | None, main: bool, note: Note
) -> Table | None:
    """The sheet as a table; None when it is empty. Raises BadInput when it lacks the row ``header``."""
    place = f"{path.name} '{sheet.name}'"
    merged = sheet.merged_cell_ranges or []
    left = sheet.start[1] if sheet.start else 0
    rows = _filled_down(_formatted(sheet.iter_rows(), formatted, left), merged, left)
    above = sheet.start[0] if sheet.start else 0
    first = list(islice(rows, header or above + headings.FIRST_ROWS))
    if not any(any(row) for row in first):
        return None
    if header and header > len(first):
        raise BadInput(headings.no_such_row(place, header))
    at = header - 1 if header else headings.find(first)
    assert at is not None  # some row is filled
    if not header and any(any(row) for row in first[:at]):
        note(headings.title_note(place, at + 1))
    if tall := [one for one in merged if one[1][0] > max(one[0][0], at)]:
        text = _("{place}: {count} cells merged over several rows count for each of them.")
        note(_finding("data.merged_cells", text, place, count=len(tall)))
    columns = headings.name_columns(path, first[at])
    return Table(path, sheet.name, columns, "sheet", main, values=chain(first[at + 1 :], rows))


def _formatted(rows: Iterator[list[Any]], formatted: Formatted, left: int) -> Iterator[list[str]]:
    """The rows as text, numbers shown in their format where it is one of ``formatted``."""
    row_number = 0
    for wanted, shows in formatted:
        yield from map(_texts, islice(rows, max(0, wanted - row_number)))
        row_number = max(row_number, wanted)
        # Rows out of order were passed already; no program writes them.
        for row in islice(rows, wanted == row_number):
            row_number += 1
            yield _texts(_shown(row, shows, left))
    yield from map(_texts, rows)


def _shown(row: list[Any], shows: dict[int, Show], left: int) -> list[Any]:
    for column, show in shows.items():
        at = column - left
        if 0 <= at < len(row) and type(row[at]) in (int, float):
            row[at] = show(row[at])
    return row


def _texts(row: list[Any]) -> list[str]:
    return [
        value.strip() if type(value) is str and "\r" not in value and "\0" not in value else as_text(value)
        for value in row
    ]


def _filled_down(rows: Iterator[list[str]], merged: list[Area], left: int) -> Iterator[list[str]]:
    """``rows``, the text of a cell merged over several rows in each of them.

    Not over several columns: what spans those is a caption, and as a row of its own no sample.
    """
    tall = sorted((one for one in merged if one[1][0] > one[0][0]), reverse=True)
    return _repeated(rows, tall, left) if tall else rows


def _repeated(rows: Iterable[list[str]], waiting: list[Area], left: int) -> Iterator[list[str]]:
    reach: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows):
        for column, (last, text) in list(reach.items()):
            if number > last:
                del reach[column]
            elif not row[column]:
                row[column] = text
        while waiting and waiting[-1][0][0] <= number:
            (_top, column), (last, _right) = waiting.pop()
            if 0 <= column - left < len(row):
                reach[column - left] = (last, row[column - left])
        yield row


def _remark(found: Remarks, place: str, note: Note) -> None:
    if found.hidden_count:
        rows = ", ".join(map(str, found.hidden_rows)) + (
            ", …" if found.hidden_count > len(found.hidden_rows) else ""
        )
        text = _("{place}: {count} hidden rows were read ({rows}).")
        note(_finding("data.hidden_rows", text, place, count=found.hidden_count, rows=rows))
    if found.never_computed:
        text = _(
            "{place}: {count} formulas hold no computed value and count as empty; open the file in its program and save it."
        )
        note(_finding("data.formulas", text, place, count=found.never_computed))


def _finding(name: str, text: str, place: str, **values: Any) -> Finding:
    severity = "info" if name == "data.merged_cells" else "warning"
    return Finding(name, severity, text.format(place=one_line(place), **values))
