"""Plain text: one row per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tarot_tui.data.sources.encoding import detect, lines
from tarot_tui.data.sources.table import TEXT, Note, Reading, Table, clean

SECTION = "行"


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table of section ``行`` with the column ``text``; empty lines count in the numbering."""
    encoding = detect(path, whole=not reading.preview)
    values = ((clean(line),) for line in lines(path, encoding))
    yield Table(path, SECTION, (TEXT,), "text", values=values)
