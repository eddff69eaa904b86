"""Spreadsheets: every sheet of an xlsx file, cells as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tarot_tui.data.sources import archive, headings
from tarot_tui.data.sources.table import Note, Table, clean, fitted
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

_LARGEST = 2_000_000_000
# calamine holds a sheet's used area whole, 32 bytes a cell: 1.6 GB at the worst.
_MOST_CELLS = 50_000_000


def tables(path: Path, *, header: int | None, note: Note, preview: bool) -> Iterator[Table]:
    """One table per sheet that holds anything, in the workbook's order; the first row in use is the header.

    Formulas give their stored value. A sheet is in memory while its table is read, not longer.
    """
    archive.check(path, _LARGEST)
    archive.check_sheets(path, _MOST_CELLS)
    try:
        yield from _sheets(path)
    except OSError:
        raise
    except BaseException as error:
        if not _calamine_s(error):
            raise
        raise BadInput(
            _(
                "{file} cannot be read as a spreadsheet ({reason}): open it in its program and save it anew as xlsx."
            ).format(file=path, reason=one_line(str(error) or type(error).__name__, 120))
        ) from None


def _sheets(path: Path) -> Iterator[Table]:
    from python_calamine import SheetTypeEnum, load_workbook

    with load_workbook(path) as book:
        main = True
        for sheet in book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            rows = book.get_sheet_by_name(sheet.name).iter_rows()
            header = next((row for row in rows if any(cell != "" for cell in row)), None)
            if header is not None:
                columns = headings.name_columns(path, [as_text(cell) for cell in header])
                yield Table(
                    path, sheet.name, columns, "sheet", main, values=fitted(_texts(rows), len(columns))
                )
                main = False


def _calamine_s(error: BaseException) -> bool:
    from python_calamine import CalamineError

    # A panic of the Rust side derives from BaseException and cannot be imported.
    return isinstance(error, CalamineError) or type(error).__name__ == "PanicException"


def _texts(rows: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    for row in rows:
        yield [as_text(cell) for cell in row]


def as_text(value: Any) -> str:
    """A cell's value as a spreadsheet shows it.

    Whole numbers without a decimal point, others with up to 15 digits; ``TRUE`` and ``FALSE``; dates as
    ``2024-08-21``, with the time when there is one; durations as ``30:00:00``. A percentage stays the fraction that
    the file holds (0.25): calamine does not tell number formats.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else f"{value:%Y-%m-%d} {_clock(value.time())}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return _clock(value)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return "" if value is None else clean(str(value))


def _number(value: float) -> str:
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return format(value, ".15g")


def _clock(value: time) -> str:
    return f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}"
