"""csv and tsv: encoding and delimiter detected, rows streamed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from tarot_tui.data.sources import headings
from tarot_tui.data.sources.encoding import detect, lines
from tarot_tui.data.sources.table import LONGEST, Note, Reading, Table, clean, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, Severity
from tarot_tui.locale import _
from tarot_tui.text import one_line

_DELIMITERS = ",\t;|"
_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 1 << 20
# Excel's own way to say which delimiter follows.
_DECLARED = re.compile(r'"?sep=(.)"?\s*')
_LINES_SHOWN = 5
# Several lines, since a cell may hold line ends.
_LONGEST_RECORD = 2 * LONGEST


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table; nothing for an empty file.

    A header that is set is counted in lines. Cells are text as written (``007`` stays ``007``). Rows
    with more cells than the header are left out, those with fewer filled up, both noted by line. Raises BadInput for
    a quote that is not closed, and for a cell or line beyond ``LONGEST``.
    """
    header = reading.header
    stream = lines(path, detect(path, whole=not reading.preview))
    sample = _sample(stream)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else sniff(sample)
    if sample and (declared := _DECLARED.fullmatch(sample[0])):
        # Blanked, not dropped: the lines below keep their numbers.
        sample[0], delimiter = "\n", declared[1]
    records = iter(_Records(path, chain(sample, stream), delimiter))
    if header:
        first = [next(((line, row) for line, row in records if line >= header and row), (0, []))]
        at = 0 if first[0][0] else None
    else:
        first = list(islice(records, headings.FIRST_ROWS))
        at = headings.find([[*map(clean, row)] for _line, row in first])
    if at is None:
        if header:
            raise BadInput(headings.no_such_row(path.name, header))
        return
    line, names = first[at]
    if any(any(row) for _line, row in first[:at]):
        note(headings.title_note(path.name, line))
    columns = headings.name_columns(path, names)
    values = _Values(path, chain(first[at + 1 :], records), len(columns), note)
    yield Table(path, "", columns, "grid", values=values)


def _sample(stream: Iterator[str]) -> list[str]:
    sample, characters = [], 0
    for line in islice(stream, _SAMPLE_LINES):
        sample.append(line)
        characters += len(line)
        if characters > _SAMPLE_CHARACTERS:
            break
    return sample


def sniff(sample: list[str]) -> str:
    """The delimiter that splits most lines of ``sample`` into the same number of cells (at least two)."""
    best, best_score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
        except csv.Error:
            continue
        several = [(count, width) for width, count in widths.items() if width > 1]
        if several:
            count, width = max(several)
            score = (count / widths.total(), width)
            if score > best_score:
                best, best_score = delimiter, score
    return best


class _Records:
    """The records, blank lines included as empty ones, each with the line it ends on."""

    # Lines hold no NUL: where this stands in a longer cell, a quote was open at the end of the file.
    _END = "\0"

    def __init__(self, path: Path, stream: Iterable[str], delimiter: str) -> None:
        self.path, self.stream, self.delimiter = path, stream, delimiter
        self.line, self.pending, self.ended = 0, 0, False

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(_LONGEST_RECORD)
        reader = csv.reader(self._lines(), delimiter=self.delimiter)
        for row in reader:
            if self.ended:
                if row != [self._END]:
                    text = _(
                        "{file}, line {line}: a quote is opened here and closed nowhere; close or double it."
                    )
                    raise BadInput(text.format(file=shown(self.path), line=self.line + 1))
                return
            self.line, self.pending = reader.line_num, 0
            yield self.line, row

    def _lines(self) -> Iterator[str]:
        for line in self.stream:
            self.pending += len(line)
            if self.pending > _LONGEST_RECORD:
                text = _(
                    "{file}, line {line}: a row of more than {limit} characters begins here; look for a quote that is not closed."
                )
                raise BadInput(
                    text.format(file=shown(self.path), line=self.line + 1, limit=f"{_LONGEST_RECORD:,}")
                )
            yield line
        self.ended = True
        yield self._END


@dataclass
class _Values:
    """The records below the header at its width; what was ragged is noted at the end."""

    path: Path
    records: Iterable[tuple[int, list[str]]]
    width: int
    note: Note
    long: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    long_count: int = 0
    short_count: int = 0

    def __iter__(self) -> Iterator[list[str]]:
        width = self.width
        for line, row in self.records:
            if len(row) == width:
                yield [text.strip() for text in row]
            elif row:
                yield self._ragged(line, [text.strip() for text in row])
        self._say()

    def _ragged(self, line: int, row: list[str]) -> list[str]:
        """The row filled up; with text beyond the last column, an empty one that keeps the count of rows."""
        if not any(row[self.width :]):
            if len(row) < self.width:
                self.short_count += 1
                self.short += [line] if len(self.short) < _LINES_SHOWN else []
            return [*row[: self.width], *[""] * (self.width - len(row))]
        self.long_count += 1
        self.long += [line] if len(self.long) < _LINES_SHOWN else []
        return [""] * self.width

    def _say(self) -> None:
        if self.long:
            text = _(
                "{file}: {count} rows have more cells than the header and were left out (lines {lines}); put text that holds the delimiter into quotes."
            )
            self.note(self._finding("data.rows_too_long", "warning", text, self.long_count, self.long))
        if self.short:
            text = _(
                "{file}: {count} rows have fewer cells than the header (lines {lines}); the others count as empty."
            )
            self.note(self._finding("data.rows_too_short", "info", text, self.short_count, self.short))

    def _finding(self, name: str, severity: Severity, text: str, count: int, lines: list[int]) -> Finding:
        shown = ", ".join(map(str, lines)) + (", …" if count > len(lines) else "")
        return Finding(name, severity, text.format(file=one_line(self.path.name), count=count, lines=shown))
