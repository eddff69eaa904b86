"""Reading ``trainer_log.jsonl`` (or any file of one JSON object per line) while it is being written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tarot_tui.jobs.log import last_lines, start_of_last_lines

_BLOCK = 1 << 20
#: Bytes that are not worth halving any more.
_NEAR = 1 << 15
#: Lines that a thinned file is shown by.
_SPREAD = 2000


class MetricsReader:
    """New lines of the file, each handed out once.

    A line that is only half there waits; a damaged one is skipped; a truncated or replaced file is read again.
    """

    def __init__(self, path: Path, *, thin_above: int | None = None, last: int | None = None) -> None:
        """thin_above: of a file that is larger than so many bytes when it is first read, only some lines evenly spread over
        it are taken, and the end whole: for a picture of a run of weeks, at once. last: of a file that is read from its
        start, only so many lines at its end are taken.
        """
        self._path = path
        self._thin_above = thin_above
        self._last = last
        self._rest = b""
        self._position = 0
        self._inode: int | None = None

    def read(self) -> list[dict[str, Any]]:
        """The objects appended since the last call, in order."""
        return list(self.each())

    def each(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The same one by one, never more of them in memory than a block holds; at most about ``limit`` bytes of the file."""
        until = self._begin()
        if until and self._position == 0 and self._thin_above and until > self._thin_above:
            yield from self._thinned(until)
        until = min(until, self._position + limit) if limit else until
        while self._position < until and (data := self._block(until)):
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            yield from _parsed(lines)

    def _begin(self) -> int:
        """The size of the file now; a file that is another or shorter than before is begun anew."""
        try:
            found = self._path.stat()
        except OSError:
            return 0
        replaced = self._inode not in (None, found.st_ino)
        if replaced or found.st_size < self._position:
            self._position, self._rest = 0, b""
        self._inode = found.st_ino
        if self._last and self._position == 0:
            self._position = start_of_last_lines(self._path, self._last)
        return found.st_size

    def _block(self, until: int) -> bytes:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                data = file.read(min(_BLOCK, until - self._position))
        except OSError:
            return b""
        self._position += len(data)
        return data

    def _thinned(self, size: int) -> Iterator[dict[str, Any]]:
        """Lines spread over the older part, which is passed over then."""
        try:
            with open(self._path, "rb") as file:
                start = size - (self._thin_above or 0) // 2
                lines = list(_spread(file, start))
                file.seek(start)
                self._position = start + len(file.readline())
        except OSError:
            return
        yield from _parsed(lines)


def _spread(file: BinaryIO, end: int) -> Iterator[bytes]:
    """Whole lines evenly spread over the first ``end`` bytes."""
    taken = 0
    for number in range(_SPREAD):
        file.seek(max(taken, number * end // _SPREAD))
        if number:
            file.readline()
        line = file.readline()
        taken = file.tell()
        if taken > end:
            return
        yield line


def rows_between(path: Path, first: float, last: float, limit: int) -> Iterator[dict[str, Any]]:
    """The rows whose ``current_steps`` lie between ``first`` and ``last``, of at most about ``limit`` bytes.

    Finds them by halving, since steps grow from line to line; a file that is missing or in disorder gives what it can.
    """
    try:
        with open(path, "rb") as file:
            low, high = 0, file.seek(0, 2)
            while high - low > _NEAR:
                middle = (low + high) // 2
                low, high = (middle, high) if _step_at(file, middle) < first else (low, middle)
            file.seek(low)
            lines = file.readlines(limit)
    except OSError:
        return
    for row in _parsed(lines):
        step = row.get("current_steps")
        if isinstance(step, int | float) and step > last:
            return
        if isinstance(step, int | float) and step >= first:
            yield row


def _step_at(file: BinaryIO, place: int) -> float:
    """The step of the first whole line behind ``place``; infinite when there is none."""
    file.seek(place)
    file.readline()
    for row in _parsed([file.readline(), file.readline()]):
        if isinstance(row.get("current_steps"), int | float):
            return row["current_steps"]
    return float("inf")


def last_metrics(path: Path, count: int = 20) -> dict[str, Any]:
    """The latest value of every key in the last ``count`` lines: ``loss`` also right after an evaluation."""
    merged: dict[str, Any] = {}
    for row in parse_lines(line.encode() for line in last_lines(path, count)):
        merged.update(row)
    return merged


def parse_lines(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The JSON objects among ``lines`` (bytes); whatever else is there is passed over."""
    return list(_parsed(lines))


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield row
