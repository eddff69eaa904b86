"""Which files to read: those named, those in the folders named, each content once."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from tarot_tui.data.sources.kinds import KINDS
from tarot_tui.data.sources.table import shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _

#: Hidden files, and what Excel, Word and LibreOffice leave beside an open document.
_PASSED_OVER = (".", "~$")


def collect(
    paths: Iterable[Path],
    on_skip: Callable[[Path], None] | None = None,
    on_twice: Callable[[Path, Path], None] | None = None,
) -> list[Path]:
    """The files to read: those named, and those in the folders named, recursively and sorted; each once.

    In folders, symbolic links, hidden files and the lock files of office programs are passed over, and files of other
    kinds reported to ``on_skip``. Of files with the same bytes the first is read, and ``on_twice`` hears of the other
    and of the first. Raises BadInput for a path that is missing or, named itself, of another kind, and when nothing
    is left.
    """
    paths = list(paths)
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _in_folder(path, on_skip) if path.is_dir() else [_named(path)]:
            found.setdefault(file.resolve(), file)
    if not found:
        raise BadInput(
            _("No {kinds} file in {places}.").format(kinds=_kinds(), places=", ".join(map(shown, paths)))
        )
    return _each_once(list(found.values()), on_twice)


def _named(path: Path) -> Path:
    if not os.path.lexists(path):
        raise BadInput(_("{file} does not exist.").format(file=shown(path)))
    if not path.is_file():
        raise BadInput(_("{file} is not a file or folder that can be read.").format(file=shown(path)))
    if path.suffix.lower() not in KINDS:
        raise BadInput(
            _("{file}: files of this kind are not read; save it as one of {kinds}.").format(
                file=shown(path), kinds=_kinds()
            )
        )
    return path


def _in_folder(folder: Path, on_skip: Callable[[Path], None] | None) -> list[Path]:
    files = []
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(_PASSED_OVER)):
            if path.is_symlink() or not path.is_file():
                continue
            if path.suffix.lower() in KINDS:
                files.append(path)
            elif on_skip:
                on_skip(path)
    return sorted(files, key=lambda path: path.parts)


def _unreadable(error: OSError) -> None:
    raise BadInput(
        _("{file} cannot be read: {reason}.").format(file=shown(Path(error.filename)), reason=error.strerror)
    )


def _each_once(files: list[Path], on_twice: Callable[[Path, Path], None] | None) -> list[Path]:
    """``files`` without those whose bytes came before; only files of the same size are read for it."""
    by_size = defaultdict(list)
    for file in files:
        by_size[_size(file)].append(file)
    first: dict[str, Path] = {}
    copies = set()
    for size, same_size in by_size.items():
        if not size or len(same_size) == 1:
            continue
        for file in same_size:
            digest = _sha256(file)
            if digest and (original := first.setdefault(digest, file)) is not file:
                copies.add(file)
                if on_twice:
                    on_twice(file, original)
    return [file for file in files if file not in copies]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _sha256(file: Path) -> str | None:
    """The digest, None for a file that its reader will complain about."""
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _kinds() -> str:
    return ", ".join(suffix[1:] for suffix in KINDS)
