"""csv: encoding and delimiter detected, rows streamed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from tarot_tui.data.sources.encoding import detect, lines
from tarot_tui.data.sources.table import LONGEST, Table, clean, name_columns
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

_DELIMITERS = ",\t;|"
_SAMPLE_LINES = 100


def tables(path: Path, *, preview: bool = False) -> Iterator[Table]:
    """One table, the header its first row that is not blank; nothing for an empty file.

    Cells are text as written (``007`` stays ``007``). Raises BadInput for a row with more cells than the header, with
    its line.
    """
    stream = lines(path, detect(path, whole=not preview), keep_ends=True)
    sample = list(islice(stream, _SAMPLE_LINES))
    rows = _rows(path, chain(sample, stream), sniff(sample))
    _line, header = next(rows, (0, None))
    if header is None:
        return
    columns = name_columns(header)
    yield Table(path, "", columns, "grid", values=_checked(path, rows, len(columns)))


def sniff(sample: list[str]) -> str:
    """The delimiter that splits most lines of ``sample`` into as many cells as the first (at least two)."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(sample, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if widths and widths[0] > 1:
            score = (widths.count(widths[0]) / len(widths), widths[0])
            if score > best_score:
                best, best_score = delimiter, score
    return best


def _rows(path: Path, stream: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST)
    reader = csv.reader(stream, delimiter=delimiter)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise BadInput(
            _("{file}, line {line}: not valid csv ({reason}); look for a quote that is not closed.").format(
                file=path, line=reader.line_num, reason=one_line(str(error))
            )
        ) from None


def _checked(path: Path, rows: Iterable[tuple[int, list[str]]], width: int) -> Iterator[list[str]]:
    for line, row in rows:
        values = [clean(text) for text in row]
        if any(values[width:]):
            raise BadInput(
                _(
                    "{file}, line {line}: {found} cells where the header has {expected}; put text that holds the delimiter into quotes."
                ).format(file=path, line=line, found=len(values), expected=width)
            )
        yield values[:width]
