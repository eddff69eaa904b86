"""A folder on this machine, or one that is mounted here: copied file by file, compared by hash, renamed when whole."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.locale import _
from tarot_tui.publish.contents import Contents, Item
from tarot_tui.text import size

#: Told what is happening, and how many of how many bytes are done.
Report = Callable[[str, int, int], None]

_PIECE = 4 << 20


def check(folder: Path, found: Contents, *, replace: bool) -> None:
    """Look before anything is copied; replace: files that are there may be written over.

    Somebody's README or an earlier release is not written over unasked; what is there and equal is no matter. Raises
    BadInput for what is no folder or has too little room, Refused for one that may not be written to.
    """
    place = next(one for one in (folder, *folder.parents) if one.exists())
    if not place.is_dir():
        raise BadInput(_("{path} is a file: name a folder to publish to.").format(path=place))
    if not os.access(place, os.W_OK | os.X_OK):
        raise Refused(_("{path} cannot be written by you: name another folder.").format(path=place))
    missing = [item for item in found.items if not _alike(item, folder / item.name)]
    texts = {name: text.encode() for name, text in found.texts.items()}
    for path in [
        *(folder / item.name for item in missing),
        *(folder / name for name, text in texts.items() if not _holds(folder / name, text)),
    ]:
        if path.exists() and not replace:
            raise Refused(
                _(
                    "{file} is there already and is another one: pass --replace, or name another folder."
                ).format(file=path)
            )
    needed, free = sum(item.size for item in missing), shutil.disk_usage(place).free
    if needed > free:
        raise BadInput(
            _(
                "{folder} has {free} free, and {needed} are to be copied: make room, or name another folder."
            ).format(folder=place, free=size(free), needed=size(needed))
        )


def _alike(item: Item, there: Path) -> bool:
    """Whether ``there`` is surely not another file, at a glance: of a model, beginning and end tell."""
    if not there.is_file() or there.stat().st_size != item.size:
        return False
    with open(item.source, "rb") as one, open(there, "rb") as other:
        for start in (0, max(0, item.size - _PIECE)):
            one.seek(start)
            other.seek(start)
            if one.read(_PIECE) != other.read(_PIECE):
                return False
    return True


def _holds(path: Path, text: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(text) and path.read_bytes() == text


def send(items: list[Item], folder: Path, report: Report) -> None:
    """Copy ``items`` below ``folder``; a file that is there and equal is left alone.

    Every file is read back, since a mounted drive may accept what it does not keep. Raises TarotError when it
    differs, or for what the file system declines.
    """
    total, done = sum(item.size for item in items), 0
    for item in items:
        report(item.name, done, total)
        target = folder / item.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not _equal(item.source, target):
                _copy(
                    item, target, lambda copied, item=item, done=done: report(item.name, done + copied, total)
                )
        except OSError as error:
            raise TarotError(
                _(
                    "{file} could not be written ({reason}): mend that and publish again; what has arrived is not sent "
                    "again."
                ).format(file=target, reason=error.strerror or type(error).__name__)
            ) from None
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
