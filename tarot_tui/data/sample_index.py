"""Where each sample of a file begins, so that sample 900,000 is as near as the first.

The file is read once, in blocks, as far as one has asked; what is known is usable at once. JSON lines are counted by
their newlines. Anything else (an array, objects over several lines) is counted by braces outside of strings. Eight
bytes a sample are held, and none of the samples.
"""

from __future__ import annotations

import json
import os
import re
import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

_BLOCK = 1 << 20
_HEAD = 1 << 20
_LONGEST_SAMPLE = 64_000_000
#: Samples whose bytes are searched at a time.
_SEARCHED = 255
_OPEN = ord("{")
_BOM = b"\xef\xbb\xbf"
# All up to the next brace that is in no string. Possessive: a string cut by a block's end is not walked back over.
_BRACE = re.compile(rb'(?:[^{}"]++|"(?:[^"\\]++|\\.)*+")*+[{}]', re.DOTALL)


class SampleIndex:
    """The samples of one file by number, counted from 1. One thread may :meth:`scan` while others read.

    Raises BadInput when the file cannot be opened. A file that is replaced meanwhile is still the old one here:
    :meth:`is_current` tells.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open(path, "rb")  # noqa: SIM115 (held as long as the index)
        except OSError as error:
            raise BadInput(
                _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
            ) from None
        self._opened = os.fstat(self._file.fileno())
        self.size = self._opened.st_size
        self.complete = False
        self.scanned = 0
        self._offsets = array("Q")
        self._scanning = threading.Lock()
        self._steps = self._scan()

    def __len__(self) -> int:
        """Samples found so far; all of them once ``complete``."""
        return len(self._offsets)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def is_current(self) -> bool:
        """Whether the file is still the one that was opened, unchanged."""
        try:
            now = self.path.stat()
        except OSError:
            return False
        same = ("st_ino", "st_dev", "st_size", "st_mtime_ns")
        return all(getattr(now, name) == getattr(self._opened, name) for name in same)

    def scan(self, until: int | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        """Count on until sample ``until`` is known (None: to the end), or until ``stop`` says so."""
        while not self.complete and (until is None or len(self) < until) and not stop():
            with self._scanning:
                self.complete = next(self._steps, True)

    def raw(self, number: int) -> dict[str, Any]:
        """Sample ``number``, as it stands in the file; scans as far as needed.

        Raises BadInput when there is none of that number, or it is no JSON object.
        """
        try:
            found = json.loads(self.text(number))
        except (ValueError, RecursionError) as error:
            raise BadInput(
                _("{file}, sample {number}: not valid JSON: {problem}.").format(
                    file=self.path, number=number, problem=one_line(str(error), 80)
                )
            ) from None
        if not isinstance(found, dict):
            raise BadInput(
                _("{file}, sample {number}: expected an object in braces.").format(
                    file=self.path, number=number
                )
            )
        return found

    def text(self, number: int) -> str:
        """The text of sample ``number``; what is not UTF-8 is shown as such. Raises BadInput when there is none."""
        self.scan(number + 1)
        if not 1 <= number <= len(self):
            raise BadInput(
                _("{file} has {count} samples; there is no sample {number}.").format(
                    file=self.path, count=len(self), number=number
                )
            )
        begin = self._offsets[number - 1]
        data = os.pread(self._file.fileno(), min(self._end(number) - begin, _LONGEST_SAMPLE), begin)
        return data.decode("utf-8", "replace").rstrip(", \t\r\n]")

    def find(self, words: str, begin: int = 1, stop: Callable[[], bool] = lambda: False) -> int | None:
        """The first sample from number ``begin`` on that says ``words``, whatever the case; None when none does.

        Words are looked for in the bytes, which is quick, and then in what the sample says, which is right.
        """
        pattern, folded = _spelt(words), words.casefold()
        while not stop():
            self.scan(begin + _SEARCHED)
            last = min(begin + _SEARCHED, len(self))
            if begin > last:
                break
            found = self._first_match(pattern, begin, last)
            if found and folded in self._said(found).casefold():
                return found
            begin = (found or last) + 1
        return None

    def _first_match(self, pattern: re.Pattern[bytes], first: int, last: int) -> int | None:
        begin = self._offsets[first - 1]
        match = pattern.search(os.pread(self._file.fileno(), self._end(last) - begin, begin))
        return bisect_right(self._offsets, begin + match.start()) if match else None

    def _said(self, number: int) -> str:
        text = self.text(number)
        try:
            return said(json.loads(text))
        except (ValueError, RecursionError):
            return text

    def _end(self, number: int) -> int:
        return self._offsets[number] if number < len(self) else self.scanned

    # ---- counting

    def _scan(self) -> Iterator[bool]:
        """Count on, a block at a time."""
        begin = len(_BOM) if self._read(0, len(_BOM)) == _BOM else 0
        yield from (self._lines if _is_lines(self._read(begin, _HEAD)) else self._objects)(begin)

    def _lines(self, position: int) -> Iterator[bool]:
        counted = False  # whether the line that the block begins within is a sample already
        while block := self._read(position, _BLOCK):
            begin = position
            *whole, last = block.split(b"\n")
            for line in whole:
                if not counted and line and not line.isspace():
                    self._offsets.append(begin)
                begin += len(line) + 1
                counted = False
            # What follows the last newline goes on in the next block.
            if not counted and last and not last.isspace():
                self._offsets.append(begin)
                counted = True
            position += len(block)
            self.scanned = position
            yield False

    def _objects(self, position: int) -> Iterator[bool]:
        depth, rest = 0, b""
        while block := self._read(position, max(_BLOCK, len(rest))):
            data, base, place = rest + block, position - len(rest), 0
            while match := _BRACE.match(data, place):
                place = match.end()
                if data[place - 1] == _OPEN:
                    if not depth:
                        self._offsets.append(base + place - 1)
                    depth += 1
                else:
                    depth = max(depth - 1, 0)
            position, rest = position + len(block), data[place:]
            self.scanned = position
            yield False

    def _read(self, position: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, position)


def _is_lines(head: bytes) -> bool:
    """Whether the first line is an object of its own, as far as it is here."""
    line, newline, _rest = head.lstrip().partition(b"\n")
    if not newline or not line.startswith(b"{"):
        return line.startswith(b"{")
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _spelt(words: str) -> re.Pattern[bytes]:
    """``words`` in either case, as UTF-8 and as JSON's escapes spell them."""
    return re.compile(b"".join(_spellings(character) for character in words), re.DOTALL)


def _spellings(character: str) -> bytes:
    ways = set()
    for one in (character, character.lower(), character.upper()):
        ways |= {re.escape(json.dumps(one, ensure_ascii=False)[1:-1].encode("utf-8", "replace"))}
        if not one.isascii():
            ways |= {b"(?i:" + re.escape(json.dumps(one)[1:-1].encode()) + b")"}
    return b"(?:" + b"|".join(sorted(ways)) + b")"


def said(raw: Any) -> str:
    """All texts of a sample, without its keys."""
    return "\n".join(_texts(raw))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
