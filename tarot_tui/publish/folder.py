"""A folder on this machine, or one that is mounted here: copied file by file, compared by hash, renamed when whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.publish.contents import Item

#: Told what is happening, and how many of how many bytes are done.
Report = Callable[[str, int, int], None]

_PIECE = 4 << 20


def send(items: list[Item], folder: Path, report: Report) -> None:
    """Copy ``items`` below ``folder``; a file that is there and equal is left alone.

    Every file is read back, since a mounted drive may accept what it does not keep. Raises TarotError when it
    differs, OSError for what the file system declines.
    """
    total, done = sum(item.size for item in items), 0
    for item in items:
        report(item.name, done, total)
        target = folder / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _equal(item.source, target):
            _copy(item, target, lambda copied, item=item, done=done: report(item.name, done + copied, total))
        done += item.size
    report(_("done"), total, total)


def _copy(item: Item, target: Path, count: Callable[[int], None]) -> None:
    part = target.with_name(f".{target.name}.part")
    wanted, copied = hashlib.sha256(), 0
    try:
        with open(item.source, "rb") as source, open(part, "wb") as file:
            while piece := source.read(_PIECE):
                wanted.update(piece)
                file.write(piece)
                count(copied := copied + len(piece))
            file.flush()
            os.fsync(file.fileno())
        if _hash(part) != wanted.hexdigest():
            raise TarotError(
                _("{file} did not arrive as it was sent; try again, or another place.").format(file=target)
            )
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _equal(source: Path, target: Path) -> bool:
    return (
        target.is_file() and target.stat().st_size == source.stat().st_size and _hash(target) == _hash(source)
    )


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
