"""One log file, read in a thread that may hang without harm. No Textual here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tarot_tui.jobs.log_file import LogFile

#: Seconds between two looks at whether the log has grown, when nobody asks for one.
EVERY = 1.5

Work = Callable[[LogFile], Any]


class LogReader:
    """Does what it is asked to, one thing after the other, and tells when the file has grown.

    A question replaces the one of the same name that has not been begun: so whoever scrolls fast over a slow disk
    gets the last page and not all of them. Of each answer ``tell(name, answer, generation)`` is called in the thread;
    with the name ``grown``, and what ``watch`` (a question, too) answers, whenever the file is not as it was.
    """

    def __init__(self, path: Path, tell: Callable[[str, Any, int], None]) -> None:
        #: Seconds between two looks by itself.
        self.every = EVERY
        self._file = LogFile(path)
        self._tell = tell
        #: What is asked after every look; it runs in the thread, and must only read what is its own.
        self.watch: Work = _size
        self._questions: dict[str, Work] = {}
        self._changed = threading.Condition()
        self._stopped = False
        threading.Thread(target=self._run, name="log-reader", daemon=True).start()

    def ask(self, name: str, work: Work) -> None:
        """Let the thread do ``work`` with the file."""
        with self._changed:
            self._questions[name] = work
            self._changed.notify()

    def look(self) -> None:
        """See now whether it has grown."""
        self.ask("grown", _size)

    def stop(self) -> None:
        """Read no more. Does not wait for what hangs."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        seen = (-1, 0)
        while True:
            name, work = self._next()
            if self._stopped:
                return
            if name == "grown":
                now = (self._file.look(), self._file.generation)
                if now == seen:
                    continue
                seen, work = now, self.watch
            answer = work(self._file)
            if not self._stopped:
                self._tell(name, answer, self._file.generation)

    def _next(self) -> tuple[str, Work]:
        with self._changed:
            if not self._questions and not self._stopped:
                self._changed.wait(self.every)
            # What somebody waits for goes before what comes by itself.
            name = next((name for name in self._questions if name != "grown"), "grown")
            return name, self._questions.pop(name, _size)


def _size(file: LogFile) -> int:
    return file.size
