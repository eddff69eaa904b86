"""Sources: documents as tables of rows. One module per kind of file, imported when such a file is read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from tarot_tui.data.sources.table import Header, Row, Table, file_name
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

__all__ = [
    "KINDS",
    "Header",
    "Row",
    "Table",
    "collect",
    "columns",
    "file_name",
    "headers",
    "read_rows",
    "tables",
]

#: suffix → the module that reads it.
KINDS = {".xlsx": "workbook", ".csv": "delimited", ".docx": "document", ".txt": "lines"}

_EXAMPLE_ROWS = 50


def collect(paths: Iterable[Path], on_skip: Callable[[Path], None] | None = None) -> list[Path]:
    """The files to read: those named, and those in the folders named, recursively and sorted; each once.

    In folders, symbolic links, hidden files and the lock files of office programs are passed over, and files of other
    kinds reported to ``on_skip``. Raises BadInput for a path that is missing or, named itself, of another kind, and
    when nothing is left.
    """
    paths = list(paths)
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _in_folder(path, on_skip) if path.is_dir() else [_named(path)]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise BadInput(
            _("No {kinds} file in {places}.").format(
                kinds=_kinds(), places=", ".join(str(path) for path in paths)
            )
        )
    return list(found.values())


def _named(path: Path) -> Path:
    if not os.path.lexists(path):
        raise BadInput(_("{file} does not exist.").format(file=path))
    if not path.is_file():
        raise BadInput(_("{file} is not a file or folder that can be read.").format(file=path))
    if path.suffix.lower() not in KINDS:
        raise BadInput(
            _("{file}: files of this kind are not read; save it as one of {kinds}.").format(
                file=path, kinds=_kinds()
            )
        )
    return path


def _in_folder(folder: Path, on_skip: Callable[[Path], None] | None) -> list[Path]:
    files = []
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith((".", "~$"))):
            if path.is_symlink() or not path.is_file():
                continue
            if path.suffix.lower() in KINDS:
                files.append(path)
            elif on_skip:
                on_skip(path)
    return sorted(files, key=lambda path: path.parts)


def _unreadable(error: OSError) -> None:
    raise BadInput(_("{file} cannot be read: {reason}.").format(file=error.filename, reason=error.strerror))


def _kinds() -> str:
    return ", ".join(suffix[1:] for suffix in KINDS)


def tables(path: Path, *, preview: bool = False) -> Iterator[Table]:
    """The tables of one file. Read a table's rows before asking for the next.

    preview: only the beginning will be read, so do not check the whole file first. Raises BadInput for a file that
    cannot be read, in one sentence.
    """
    reader = importlib.import_module(f"tarot_tui.data.sources.{KINDS[path.suffix.lower()]}")
    try:
        yield from reader.tables(path, preview=preview)
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(
                file=path, reason=one_line(error.strerror or str(error), 120)
            )
        ) from None


def read_rows(path: Path) -> Iterator[Row]:
    """All rows of one file, table after table."""
    for table in tables(path):
        yield from table.rows()


def headers(path: Path) -> list[Header]:
    """What the tables of one file are called and which columns they have, without their rows."""
    return [
        Header(table.source, table.section, table.columns, table.kind, table.main)
        for table in tables(path, preview=True)
    ]


def columns(path: Path) -> dict[str, list[tuple[str, str]]]:
    """For each table its columns, each with an example: the first cell that holds something, '' if none soon does.

    The key is the sheet's or section's name, for csv the file's. A column with neither a name nor an example is left
    out. Only the first rows of a table are looked at.
    """
    found = {}
    for table in tables(path, preview=True):
        examples = dict.fromkeys(table.columns, "")
        for row in islice(table.rows(), _EXAMPLE_ROWS):
            for name, text in row.cells.items():
                examples[name] = examples[name] or text
        found[table.section or file_name(path)] = [
            (name, text) for name, text in examples.items() if text or not name.startswith("Unnamed: ")
        ]
    return found
