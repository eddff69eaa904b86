"""Which lines of a log are wanted: as grave as that, of one process only, or both. Works on bytes, whole blocks at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

#: What launchers put before each line of a process, once or twice: ``[rank1]: ``, ``[default1]:[rank1]:``.
PREFIX = r"(?:\[[\w:. -]+\]:? ?){0,2}"
_PREFIX = b"^" + PREFIX.encode()
_ERROR = (
    rb"\b(?:ERROR|CRITICAL|FATAL)\b|" + _PREFIX + rb"(?:Traceback \(|[\w.]*(?:Error|Exception|Interrupt)\b)"
)
_WARNING = rb"\bWARN(?:ING)?\b|Warning:"
_IN_ERRORS = (b"ERROR", b"CRITICAL", b"FATAL", b"Traceback (", b"Error", b"Exception", b"Interrupt")
_IN_WARNINGS = (b"WARN", b"Warning:")
#: The prefix of torch (``[rank1]:``), of torchrun (``[default1]:``), and what DeepSpeed and Lightning write.
_RANK = rb"\[(?:default|[Rr]ank):? ?"
_RANKS = re.compile(b"^" + _RANK + rb"(\d{1,5})\]", re.MULTILINE)


#: Where a line begins, and where its newline stands.
Span = tuple[int, int]


class Wanted(Protocol):
    """Finds what is wanted among whole lines, or in one."""

    def search(self, line: bytes) -> bool:
        """Whether this line is wanted."""

    def spans(self, data: bytes) -> list[Span]:
        """The lines of ``data`` that are wanted, in their order."""


@dataclass(frozen=True)
class Gravity:
    """What lines of a level look like. ``parts``: one of them is in every such line, and that is quickly seen."""

    pattern: re.Pattern[bytes]
    parts: tuple[bytes, ...]

    def search(self, line: bytes) -> bool:
        """Whether it is as grave as that."""
        return any(part in line for part in self.parts) and self.pattern.search(line) is not None

    def spans(self, data: bytes) -> list[Span]:
        """The lines that are as grave as that: few of many, so the parts are looked for and not the lines."""
        found: set[Span] = set()
        for part in self.parts:
            at = data.find(part)
            while at >= 0:
                start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
                end = len(data) if end < 0 else end
                if self.pattern.search(data, start, end):
                    found.add((start, end))
                at = data.find(part, end)
        return sorted(found)


@dataclass(frozen=True)
class Rank:
    """The lines of one process among those of several."""

    number: int

    def search(self, line: bytes) -> bool:
        """Whether it is of that process."""
        return _rank(self.number).match(line) is not None

    def spans(self, data: bytes) -> list[Span]:
        """The lines of that process."""
        if b"%d]" % self.number not in data:
            return []
        return [found.span() for found in _rank(self.number).finditer(data)]


@dataclass(frozen=True)
class Both:
    """What is wanted by two. ``rarer`` finds less, or is quicker."""

    rarer: Wanted
    other: Wanted

    def search(self, line: bytes) -> bool:
        """Whether both want this line."""
        return self.rarer.search(line) and self.other.search(line)

    def spans(self, data: bytes) -> list[Span]:
        """The lines that both want."""
        return [(start, end) for start, end in self.rarer.spans(data) if self.other.search(data[start:end])]


#: Of each level, what finds whatever is at least as grave; None finds all.
LEVELS: dict[str, Gravity | None] = {
    "": None,
    "warning": Gravity(re.compile(_ERROR + b"|" + _WARNING, re.MULTILINE), _IN_ERRORS + _IN_WARNINGS),
    "error": Gravity(re.compile(_ERROR, re.MULTILINE), _IN_ERRORS),
}


def wanted(level: str, rank: int | None) -> Wanted | None:
    """What finds the lines that are as grave as ``level``, and of that process unless it is None."""
    gravity = LEVELS[level]
    if rank is None:
        return gravity
    return Both(gravity, Rank(rank)) if gravity else Rank(rank)


def ranks_in(data: bytes) -> set[int]:
    """The numbers of the processes that say something in ``data``."""
    return {int(number) for number in set(_RANKS.findall(data))}


@lru_cache(64)
def _rank(number: int) -> re.Pattern[bytes]:
    return re.compile(b"^" + _RANK + rb"%d\][^\n]*" % number, re.MULTILINE)


@lru_cache(4096)  # asked for the same lines at every look
def level(text: str) -> str:
    """``error``, ``warning`` or nothing: how grave a line is, by the words that loggers use."""
    data = text.encode("utf-8", "replace")
    return next((name for name in ("error", "warning") if LEVELS[name].search(data)), "")
