"""Office documents are zip archives or, older or encrypted, OLE files: told apart here, and refused when absurd."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tarot_tui.data.sources.sheet_xml import column_number
from tarot_tui.data.sources.table import shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line, size

# Real sheets shrink 10 to 100 times, deflate cannot do better than 1,032.
_ABSURD_RATIO = 400
_RATIO_MATTERS_FROM = 64_000_000
_ZIP = b"PK"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

# More cells are no table but one with a stray cell in the far corner.
_MOST_CELLS = 50_000_000
_FAR_COLUMN = re.compile(rb"""\br=["']([A-Z]{2,3})\d{1,7}["']""")
_ROW = re.compile(rb"""<(?:\w+:)?row\b[^>]{0,40}?\br=["'](\d{1,7})["']""")
_CHUNK = 1 << 20
_OVERLAP = 80

_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def kind_of(path: Path) -> Literal["zip", "ole"]:
    """By which of the two ``path`` begins. Raises BadInput when it is neither, empty, or encrypted."""
    with open(path, "rb") as file:
        start = file.read(len(_OLE))
        if start == _OLE:
            if any(_ENCRYPTED in chunk for chunk in iter(lambda: file.read(_CHUNK), b"")):
                raise BadInput(protected(path))
            return "ole"
    if start.startswith(_ZIP):
        return "zip"
    if not start:
        raise BadInput(_("{file} is empty (0 bytes).").format(file=shown(path)))
    raise BadInput(
        _(
            "{file} is damaged or no {suffix} file, whatever its name says: open it in its program and save it anew."
        ).format(file=shown(path), suffix=path.suffix)
    )


def protected(path: Path) -> str:
    """The sentence about a password."""
    return _(
        "{file} is protected by a password, or an old binary file under a new name: open it, remove the password, save it as {suffix}."
    ).format(file=shown(path), suffix=path.suffix)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what the zip module complains of into BadInput."""
    try:
        yield
    except RecursionError:
        raise
    except _FAULTS as error:
        raise BadInput(
            _(
                "{file} is damaged or no {suffix} file ({reason}): open it in its program and save it anew."
            ).format(file=shown(path), suffix=path.suffix, reason=one_line(str(error), 120))
        ) from None


def check(path: Path, largest: int, counts: Callable[[str], bool] = lambda name: True) -> None:
    """Raise BadInput unless the zip ``path`` is sound and unpacks to at most ``largest`` bytes.

    counts: which members matter by their names (pictures may be large).
    """
    with damage_named(path), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if counts(member.filename)]
        unpacked = sum(member.file_size for member in members)
        packed = max(1, sum(member.compress_size for member in members))
        if unpacked > largest or (unpacked > _RATIO_MATTERS_FROM and unpacked / packed > _ABSURD_RATIO):
            raise BadInput(
                _(
                    "{file} would unpack from {packed} to {unpacked}: that is no document we read; split it, or save it as csv."
                ).format(file=shown(path), packed=size(packed), unpacked=size(unpacked))
            )


def far_corner(path: Path) -> str:
    """The sentence about a stray cell far from the table, '' when there is none in ``path``.

    One in the last corner makes an area of 17,179,869,184 cells, for which no memory suffices. The sheets are
    unpacked a MiB at a time, and only addresses of cells are looked at.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.startswith("xl/worksheets/") and member.filename.endswith(".xml"):
                    with archive.open(member) as sheet:
                        rows, columns = _extent(iter(lambda sheet=sheet: sheet.read(_CHUNK), b""))
                    if rows * columns > _MOST_CELLS:
                        return _(
                            "{file}: a sheet reaches {rows} rows by {columns} columns; delete stray cells far from the table and save it anew."
                        ).format(file=shown(path), rows=f"{rows:,}", columns=f"{columns:,}")
    except (OSError, *_FAULTS):
        pass
    return ""


def _extent(chunks: Iterator[bytes]) -> tuple[int, int]:
    rows, columns, before = 1, 26, b""
    for chunk in chunks:
        text = before + chunk
        rows = max([rows, *map(int, _ROW.findall(text))])
        columns = max([columns, *map(column_number, set(_FAR_COLUMN.findall(text)))])
        before = text[-_OVERLAP:]
    return rows, columns
