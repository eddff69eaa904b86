"""How far a job is, on one line that is written over; in a pipe, a line for every tenth of the way."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from typing import TextIO

from tarot_tui.jobs.snapshot import eta
from tarot_tui.jobs.status import Status
from tarot_tui.locale import _
from tarot_tui.text import duration, plain, size

_BAR = 20


class Progress:
    """A context manager whose :meth:`show` is given to :func:`tarot_tui.jobs.follow.follow`.

    Goes to standard error, so that results on standard output stay clean; silent under ``--quiet`` and ``--json``.
    """

    def __init__(self, args: Namespace, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._silent = args.quiet or args.json
        self._over = self._stream.isatty() and not args.plain and os.environ.get("TERM") != "dumb"
        self._tenth = -1
        self._drawn = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()

    def show(self, found: Status) -> None:
        """Draw one status, if it says anything new."""
        if self._silent:
            return
        if self._over:
            self._draw(line(found))
        elif (
            found.total
            and found.step is not None
            and (tenth := 10 * found.step // found.total) != self._tenth
        ):
            self._tenth = tenth
            self._stream.write(line(found) + "\n")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        from rich.cells import cell_len, set_cell_size

        columns = shutil.get_terminal_size().columns - 1
        width = min(cell_len(text), columns)
        self._stream.write("\r" + set_cell_size(text, max(width, self._drawn)))
        self._stream.flush()
        self._drawn = width


def line(found: Status) -> str:
    """One status in one line: bar, percentage, count, what is being done, and how long it will still take."""
    words = []
    if found.total and found.step is not None:
        share = min(1.0, found.step / found.total)
        filled = round(share * _BAR)
        words.append(f"[{'#' * filled}{'.' * (_BAR - filled)}] {100 * share:3.0f} %")
        words.append(_count(found))
    words.append(plain(found.what) or _("starting …"))
    if left := eta(found):
        words.append(_("{time} left").format(time=duration(left)))
    return "     " + "  ".join(words)


def _count(found: Status) -> str:
    step, total = found.step or 0, found.total or 0
    return f"{size(step)}/{size(total)}" if found.unit == "bytes" else f"{step}/{total}"
