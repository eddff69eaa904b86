"""Lines of a log as entries: a traceback is one of them. Plain functions and data, no Textual."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tarot_tui.jobs.log_file import Line
from tarot_tui.jobs.log_filter import PREFIX, level

_PREFIX = re.compile(PREFIX)
_BEGIN = re.compile(rf"({PREFIX})Traceback \(most recent call last\):")
#: What a traceback ends with: the name of an exception, and what it says.
_EXCEPTION = re.compile(r"[\w.]+(?::|$)")
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


@dataclass
class _Open:
    """A traceback that has not ended. Those of several processes come line by line, mixed."""

    prefix: str
    lines: list[Line]

    def add(self, line: Line) -> bool | None:
        """Take the next line of the same process; whether the traceback is whole by that; None: it is none."""
        self.lines.append(line)
        said = line.text.removeprefix(self.prefix)
        if not said or said[0].isspace() or said.rstrip() == self.prefix.rstrip():
            return False if len(self.lines) < _LONGEST else None
        return True if _EXCEPTION.match(said) else None


def _parts(lines: list[Line]) -> list[list[Line]]:
    parts: list[list[Line]] = []
    begun: dict[str, _Open] = {}

    def give_up(process: str) -> None:
        if process in begun:
            parts.extend([line] for line in begun.pop(process).lines)

    for line in lines:
        if "Traceback" in line.text and (begin := _BEGIN.match(line.text)):
            give_up(begin[1].rstrip())
            begun[begin[1].rstrip()] = _Open(begin[1], [line])
            continue
        process = _PREFIX.match(line.text)[0].rstrip() if begun else ""
        if process not in begun:
            parts.append([line])
            continue
        whole = begun[process].add(line)
        if whole:
            parts.append(begun.pop(process).lines)
        elif whole is None:
            give_up(process)
    for process in list(begun):
        give_up(process)
    return sorted(parts, key=lambda part: part[0].start)
