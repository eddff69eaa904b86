"""Reading a log that is being written: cheaply, from the end or as it grows, and harmless for a terminal."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from tarot_tui.text import is_plain, plain

_BLOCK = 64 * 1024
#: The most that one line may take (a progress bar may rewrite itself for hours without a newline).
_LONGEST_LINE = 256 * 1024


class Tail:
    """Lines of a growing text file, each handed out once.

    A carriage return rewrites its line, as on a terminal; escape sequences are dropped; a UTF-8 character or a line
    that is only half there waits; a file that was truncated or replaced is read again from its start.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        """Begin at byte ``start``. The file need not exist yet."""
        self._path = path
        self._position = start
        self._inode: int | None = None
        self._rest = b""

    def read(self, limit: int = 1 << 20) -> tuple[list[str], str]:
        """The lines finished since the last call, and the unfinished one; reads at most ``limit`` bytes."""
        lines = self._take(limit).split(b"\n")
        lines[0] = self._rest + lines[0]
        self._rest = _bounded(lines.pop())
        return [shown(line) for line in lines], shown(self._rest, final=False)

    def at_end(self) -> bool:
        """Whether everything that is in the file has been read."""
        try:
            return self._path.stat().st_size <= self._position
        except OSError:
            return True

    def _take(self, limit: int) -> bytes:
        try:
            # Looking costs one system call; the file is opened only when there is more of it.
            found = os.stat(self._path)
            if found.st_ino == self._inode and found.st_size == self._position:
                return b""
            with open(self._path, "rb") as file:
                found = os.fstat(file.fileno())
                replaced = self._inode not in (None, found.st_ino)
                if replaced or found.st_size < self._position:
                    self._position, self._rest = 0, b""
                self._inode = found.st_ino
                file.seek(self._position)
                data = file.read(limit)
        except OSError:
            return b""
        self._position += len(data)
        return data


def last_lines(path: Path, count: int, start: int = 0) -> list[str]:
    """The last ``count`` lines of ``path`` from byte ``start`` on, an unfinished one included; [] when missing.

    Reads backwards in blocks, so a log of gigabytes costs what its last lines cost.
    """
    if count <= 0:
        return []
    try:
        with open(path, "rb") as file:
            data = _read_backwards(file, count, start)
    except OSError:
        return []
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [shown(line) for line in lines[-count:]]


def start_of_last_lines(path: Path, count: int) -> int:
    """The byte where the last ``count`` lines of ``path`` begin, from which :class:`Tail` goes on; 0 when missing."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            data = _read_backwards(file, count, 0)
    except OSError:
        return 0
    body = data[:-1] if data.endswith(b"\n") else data
    at = len(body)
    for _line in range(count):
        at = body.rfind(b"\n", 0, max(at, 0))
        if at < 0:
            break
    return end - len(data) + at + 1 if count > 0 else end


def _read_backwards(file, count: int, start: int) -> bytes:  # type: ignore[no-untyped-def]
    position = file.seek(0, os.SEEK_END)
    blocks: list[bytes] = []
    newlines = size = 0
    while position > start and newlines <= count and size < max(count * 4096, _LONGEST_LINE):
        length = min(_BLOCK, position - start)
        position -= length
        file.seek(position)
        blocks.append(file.read(length))
        newlines += blocks[-1].count(b"\n")
        size += length
    return b"".join(reversed(blocks))


def _bounded(rest: bytes) -> bytes:
    if len(rest) <= _LONGEST_LINE:
        return rest
    return rest[rest.rfind(b"\r", 0, -1) + 1 :][-_LONGEST_LINE:]


def shown(line: bytes, *, final: bool = True) -> str:
    """What a line shows: the text behind its last carriage return, made harmless. Not ``final``: more may come."""
    last = line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(last, final)
    # Almost every line is harmless as it is, and saying so is a hundred times cheaper than cleaning it.
    return text if is_plain(text) else plain(text)
