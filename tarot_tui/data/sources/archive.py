"""xlsx and docx are zip archives of XML: refused here when they would unpack beyond all reason."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line, size

# Real sheets shrink 10 to 100 times, deflate cannot do better than 1,032.
_ABSURD_RATIO = 400
_RATIO_MATTERS_FROM = 64_000_000
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_FAR_COLUMN = re.compile(rb"""\br=["']([A-Z]{2,3})\d{1,7}["']""")
_ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]{0,40}?\br=["'](\d{1,7})["']""")
_CHUNK = 1 << 20
_OVERLAP = 80


def check(path: Path, largest: int) -> None:
    """Raise BadInput unless ``path`` is a sound, unencrypted zip that unpacks to at most ``largest`` bytes."""
    with _opened(path) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        packed = max(1, sum(member.compress_size for member in members))
        if unpacked > largest or (unpacked > _RATIO_MATTERS_FROM and unpacked / packed > _ABSURD_RATIO):
            raise BadInput(
                _(
                    "{file} would unpack from {packed} to {unpacked}: that is no document we read; split it, or save it as csv."
                ).format(file=path, packed=size(packed), unpacked=size(unpacked))
            )


def check_sheets(path: Path, most_cells: int) -> None:
    """Raise BadInput when a sheet's used area is beyond ``most_cells``, and for damaged or mislabelled members.

    One stray cell in the far corner makes an area of 17,179,869,184 cells, which calamine would allocate at once and
    die of. So the sheets are unpacked here once, a MiB at a time, and only cell addresses are looked at.
    """
    with _opened(path) as archive:
        for member in archive.infolist():
            if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                with archive.open(member) as sheet:
                    rows, columns = _extent(iter(lambda sheet=sheet: sheet.read(_CHUNK), b""))
                if rows * columns > most_cells:
                    raise BadInput(
                        _(
                            "{file}: a sheet reaches {rows} rows by {columns} columns; delete stray cells far from the table and save it anew."
                        ).format(file=path, rows=f"{rows:,}", columns=f"{columns:,}")
                    )


def _extent(chunks: Iterator[bytes]) -> tuple[int, int]:
    rows, columns, before = 1, 26, b""
    for chunk in chunks:
        text = before + chunk
        rows = max([rows, *map(int, _ROW.findall(text))])
        columns = max([columns, *map(_column_number, set(_FAR_COLUMN.findall(text)))])
        before = text[-_OVERLAP:]
    return rows, columns


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with open(path, "rb") as file:
        start = file.read(len(_OLE))
    if start == _OLE:
        raise BadInput(
            _(
                "{file} is protected by a password, or an old binary file under a new name: open it, remove the password, save it as {suffix}."
            ).format(file=path, suffix=path.suffix)
        )
    if not start:
        raise BadInput(_("{file} is empty (0 bytes).").format(file=path))
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(
            _(
                "{file} is damaged or no {suffix} file ({reason}): open it in its program and save it anew."
            ).format(file=path, suffix=path.suffix, reason=one_line(str(error), 120))
        ) from None
