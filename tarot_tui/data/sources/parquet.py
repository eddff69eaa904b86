"""Parquet: a table by columns, read a group of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.data.sources import headings
from tarot_tui.data.sources.cells import as_text as as_cell
from tarot_tui.data.sources.records import as_text
from tarot_tui.data.sources.table import Note, Reading, Table, shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_BATCH = 500


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table; lists and structures as JSON. Raises BadInput when pyarrow is not installed."""
    # Its own allocator claims address space by the gigabyte, of which this process has little.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadInput(
            _("{file}: reading parquet needs pyarrow; install it with: {command}").format(
                file=shown(path), command="pip install 'tarot-tui[parquet]'"
            )
        ) from None
    pyarrow.set_cpu_count(1)
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if names:
                columns = headings.name_columns(path, names)
                yield Table(path, "", columns, "grid", values=_values(file))
    except OSError as error:
        if error.errno:
            raise
        raise BadInput(_broken(path, error)) from None
    except (pyarrow.ArrowException, ValueError) as error:
        raise BadInput(_broken(path, error)) from None


def _values(file: ParquetFile) -> Iterator[list[str]]:
    for batch in file.iter_batches(_BATCH, use_threads=False):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [as_text(value) if isinstance(value, dict | list) else as_cell(value) for value in row]


def _broken(path: Path, error: Exception) -> str:
    return _("{file} is damaged or no parquet file ({reason}).").format(
        file=shown(path), reason=one_line(str(error), 120)
    )
