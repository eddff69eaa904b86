"""The Python error in a log: which one, where, and what it said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tarot_tui.text import one_line

_BEGIN = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s+File "(?P<file>[^"]+)", line (?P<line>\d+)')
_ERROR = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:: ?(?P<message>.*))?$")
#: What a rank's output is prefixed with by torch, and by torchrun.
_RANK = re.compile(r"^(?:\[rank\d+\]: ?|\[[\w-]*\d+\]:)")
#: Errors of launchers, which only say that a process below them failed.
_SECOND_HAND = ("CalledProcessError", "ChildFailedError", "SignalException", "ProcessRaisedException")


@dataclass(frozen=True)
class PythonError:
    """The exception that ended a program.

    name: its class without the module. message: the first line of what it said. place: ``file.py:12``, the
    innermost frame; empty when there is none. text: the whole traceback.
    """

    name: str
    message: str
    place: str
    text: str


def own_error(log: Sequence[str]) -> PythonError | None:
    """The last error in ``log`` that is not just a launcher's report of one; None without any."""
    lines = [_RANK.sub("", line) for line in log]
    begins = [index for index, line in enumerate(lines) if line.strip() == _BEGIN]
    for begin in reversed(begins):
        error = _parse(lines[begin:])
        if error and error.name not in _SECOND_HAND:
            return error
    return None


def _parse(lines: Sequence[str]) -> PythonError | None:
    place = ""
    for index, line in enumerate(lines[1:], 1):
        if found := _FRAME.match(line):
            place = f"{found['file'].rpartition('/')[2]}:{found['line']}"
        elif line[:1] not in ("", " ", "\t"):
            found = _ERROR.match(line)
            if not found:
                return None
            # Some libraries put the telling part on later lines: keep a little of what follows.
            text = "\n".join(lines[: index + 12])
            name = found["name"].rpartition(".")[2]
            return PythonError(
                one_line(name, 80), _message(found["message"], lines[index + 1 :]), place, text
            )
    return None


def _message(first: str | None, following: Sequence[str]) -> str:
    if first and first.strip():
        return one_line(first)
    return one_line(next((line for line in following[:3] if line.strip()), "")) if first is not None else ""
