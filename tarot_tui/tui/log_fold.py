"""Lines of a log as entries: a traceback is one of them. Plain functions and data, no Textual."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tarot_tui.jobs.log_file import Line, level

#: What launchers put before the lines of each process: ``[rank1]: ``, ``[default0]:``.
_PREFIX = r"(?:\[[\w:. -]+\]:? ?)?"
_BEGIN = re.compile(rf"({_PREFIX})Traceback \(most recent call last\):")
#: Lines of one traceback that are looked for; whatever follows stands by itself.
_LONGEST = 500


@dataclass(frozen=True)
class Entry:
    """What stands on its own: a line, or a traceback told by its last line. Its bytes are ``start`` to ``end``.

    hidden: how many lines are not shown. level: ``error``, ``warning`` or nothing.
    """

    start: int
    end: int
    text: str
    level: str = ""
    hidden: int = 0


def entries(lines: Iterable[Line], *, fold: bool) -> list[Entry]:
    """``lines`` one by one or, with ``fold``, each traceback as one entry."""
    return [_entry(part) for part in (_parts(list(lines)) if fold else ([line] for line in lines))]


def _entry(part: list[Line]) -> Entry:
    told = part[-1]
    return Entry(
        part[0].start,
        told.end,
        told.text.expandtabs(4),
        level(told.text) if len(part) == 1 else "error",
        len(part) - 1,
    )


def _parts(lines: list[Line]) -> Iterator[list[Line]]:
    index = 0
    while index < len(lines):
        length = 1
        if "Traceback" in lines[index].text and (begin := _BEGIN.match(lines[index].text)):
            length = _length(lines[index : index + _LONGEST], begin[1])
        yield lines[index : index + length]
        index += length


def _length(lines: list[Line], prefix: str) -> int:
    # A traceback ends with its first line that is not indented: the exception. 1 while that is not there yet.
    for number, line in enumerate(lines[1:], 2):
        if not line.text.startswith(prefix):
            return 1
        if not line.text[len(prefix) :].startswith((" ", "\t")):
            return number
    return 1
