"""Any part of a log of any size: lines before or behind a place, and the places where something is said.

A place is an offset in bytes, so nothing has to be read or kept to find the last page of a file of gigabytes. The file
is read by ``pread``, never mapped: a mapped file that is truncated under its reader kills it (SIGBUS).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tarot_tui.jobs.log import shown
from tarot_tui.jobs.log_filter import Span, Wanted, ranks_in

#: Bytes of one read; a line without an end is cut into pieces of this size.
BLOCK = 256 * 1024
#: Bytes that one call looks at, so that it takes a moment only: 50 ms.
BUDGET = 16 << 20


@dataclass(frozen=True)
class Words:
    """Words to look for, in UTF-8. ``exact``: capital letters are told from small ones (only those of ASCII are not)."""

    text: bytes
    exact: bool

    def places(self, data: bytes, *, backward: bool) -> Iterator[int]:
        """Where they are, from the start or from the end on."""
        within = data if self.exact else data.lower()
        at = within.rfind(self.text) if backward else within.find(self.text)
        while at >= 0:
            yield at
            at = within.rfind(self.text, 0, at) if backward else within.find(self.text, at + 1)


@dataclass(frozen=True)
class Line:
    """One line: its bytes are ``start`` to ``end``, its newline included; ``text`` is harmless for a terminal."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Part:
    """What was looked at, the bytes from ``start`` to ``end``, and the lines that were wanted of it.

    ``rest``: the unfinished line behind ``end``, if it was wanted; it will be read again once there is more of it.
    """

    start: int
    end: int
    lines: list[Line] = field(default_factory=list)
    rest: Line | None = None


def words(text: str) -> Words:
    """What looks for ``text``, in any case unless it holds a capital letter."""
    return Words(text.encode(), text != text.lower())


class LogFile:
    """A text file that may grow, be truncated, be replaced, or not exist yet. Never raises for any of that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Goes up when the file is another one, or shorter than it was: places of before mean nothing any more.
        self.generation = 0
        self.size = 0
        self._inode: int | None = None

    def look(self) -> int:
        """The size now, in bytes."""
        try:
            found = os.stat(self.path)
        except OSError:
            return self.size
        if found.st_size < self.size or self._inode not in (None, found.st_ino):
            self.generation += 1
        self._inode, self.size = found.st_ino, found.st_size
        return self.size

    def before(self, end: int, count: int, wanted: Wanted | None = None, budget: int = BUDGET) -> Part:
        """The last ``count`` lines that end at ``end`` or before it; ``wanted``: only those in which it is found.

        Looks at about ``budget`` bytes at most: there may be more before ``Part.start``, however few lines came.
        """
        lines: list[Line] = []
        rest, lowest = None, max(0, end - budget)
        start = end
        for start, data in self._backward(end):
            found, unfinished = _lines(start, data, wanted, last=count - len(lines))
            if start + len(data) == end:
                rest = unfinished
            elif unfinished:
                found.append(unfinished)  # a piece of a line longer than a block
            lines = found + lines
            if len(lines) >= count or start <= lowest:
                break
        if len(lines) >= count > 0:
            lines = lines[-count:]
            start = lines[0].start
        return Part(start, rest.start if rest else end, lines, rest)

    def after(self, start: int, count: int, wanted: Wanted | None = None, budget: int = BUDGET) -> Part:
        """The first ``count`` lines from ``start``, the start of a line, on; otherwise like :meth:`before`."""
        lines: list[Line] = []
        rest, end = None, start
        for at, data in self._forward(start):
            found, rest = _lines(at, data, wanted)
            lines += found
            end = at + data.rfind(b"\n") + 1 if b"\n" in data else at
            if len(lines) >= count or end - start >= budget:
                break
        if len(lines) > count:
            lines, rest = lines[:count], None
            end = lines[-1].end
        return Part(start, end, lines, rest)

    def line_at(self, place: int) -> int:
        """Where the line begins that holds this place."""
        start = max(0, place - BLOCK)
        return start + self._read(start, place - start).rfind(b"\n") + 1

    def find(
        self,
        what: Words,
        place: int,
        *,
        backward: bool,
        wanted: Wanted | None = None,
        budget: int = BUDGET,
    ) -> tuple[int | None, int]:
        """The start of the next line from ``place`` on in which ``what`` is found, or of the one that ends before it.

        Looks at about ``budget`` bytes at most. Also returns how far it came: 0 or the end once all was looked at.
        """
        reached = place
        for start, data in self._backward(place) if backward else self._forward(place):
            reached = start if backward else start + len(data)
            for at in what.places(data, backward=backward):
                first, behind = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
                line = data[first : behind if behind >= 0 else None]
                if wanted is None or wanted.search(line):
                    return start + first, reached
            if abs(reached - place) >= budget:
                break
        return None, reached

    def ranks(self) -> list[int]:
        """The processes whose lines are told apart by a prefix, as far as the beginning and the end of the file say."""
        pieces = [self._read(0, 4 * BLOCK), self._read(max(0, self.look() - 4 * BLOCK), 4 * BLOCK)]
        return sorted(set().union(*map(ranks_in, pieces)))

    def _backward(self, end: int) -> Iterator[tuple[int, bytes]]:
        # Whole lines, in blocks: (where they begin, their bytes).
        while end > 0:
            start = max(0, end - BLOCK)
            data = self._read(start, end - start)
            if start:
                first = data.find(b"\n", 0, -1) + 1
                start, data = start + first, data[first:]
            if not data:
                return
            yield start, data
            end = start

    def _forward(self, start: int) -> Iterator[tuple[int, bytes]]:
        while data := self._read(start, BLOCK):
            if len(data) == BLOCK and (last := data.rfind(b"\n") + 1):
                data = data[:last]
            yield start, data
            start += len(data)

    def _read(self, start: int, size: int) -> bytes:
        try:
            with open(self.path, "rb", buffering=0) as file:
                return os.pread(file.fileno(), size, start)
        except OSError:
            return b""


def write_plain(source: Path, target: Path, wanted: Wanted | None = None) -> int:
    """Write the wanted lines of ``source`` as plain text to ``target``, a new file; returns how many lines that were.

    Raises OSError; a file that could not be completed is removed.
    """
    log, count = LogFile(source), 0
    place, end = 0, log.look()
    with open(target, "x", encoding="utf-8") as file:
        try:
            while place < end:
                part = log.after(place, 10_000, wanted)
                rest = [part.rest] if part.rest and part.rest.end >= end else []
                file.writelines(f"{line.text}\n" for line in [*part.lines, *rest])
                count += len(part.lines) + len(rest)
                if part.end == place or rest:
                    break
                place = part.end
        except BaseException:
            target.unlink()
            raise
    return count


def _lines(
    start: int, data: bytes, wanted: Wanted | None, *, last: int | None = None
) -> tuple[list[Line], Line | None]:
    # The lines of data, which begins at start, and the unfinished one; only the last so many where that is enough.
    if wanted:
        spans = wanted.spans(data)
    else:
        spans, data, start = _every_line(start, data, last)
    rest = spans.pop() if spans and spans[-1][1] == len(data) else None
    wanted_spans = spans if last is None else spans[-last:] if last else []
    lines = [Line(start + at, start + end + 1, shown(data[at:end])) for at, end in wanted_spans]
    if rest is None:
        return lines, None
    at, end = rest
    unfinished = Line(start + at, start + end, shown(data[at:], final=False))
    # Of a line that never ends, the pieces of before are as good as finished.
    return (lines, unfinished) if end - at < BLOCK else ([*lines, unfinished], None)


def _every_line(start: int, data: bytes, last: int | None) -> tuple[list[Span], bytes, int]:
    # Where they are, in what bytes, and where those begin in the file.
    if last is not None:
        head, *behind = data.rsplit(b"\n", last + 1)
        if len(behind) == last + 1:
            start, data = start + len(head) + 1, data[len(head) + 1 :]
    spans, at = [], 0
    for piece in data.split(b"\n"):
        spans.append((at, at + len(piece)))
        at += len(piece) + 1
    # Behind the last newline there is no line yet.
    return (spans if spans[-1][0] < len(data) else spans[:-1]), data, start
