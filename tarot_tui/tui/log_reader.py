"""One log file, read in a thread that may hang without harm. No Textual here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tarot_tui.jobs.log_file import LogFile

#: Seconds between two looks at whether the log has grown, when nobody asks for one.
EVERY = 1.5

Work = Callable[[LogFile], Any]
#: The name of a question, its answer, and the file's generation.
Told = tuple[str, Any, int]


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
        self._news: Future[Told | None] | None = None
        self._stopped = False
        self._seen = (-1, 0)
        threading.Thread(target=self._run, name="log-reader", daemon=True).start()

    def ask(self, name: str, work: Work) -> None:
        """Let the thread do ``work`` with the file."""
        with self._changed:
            self._questions[name] = work
            self._changed.notify()

    def look(self) -> None:
        """See now whether it has grown."""
        self.ask("grown", _size)

    def news(self, patience: float) -> Told | None:
        """What it would tell if it looked now; None when the file is as it was.

        None also when that takes longer than ``patience`` seconds; then it is told as ever.
        """
        news: Future[Told | None] = Future()
        with self._changed:
            self._news = news
        self.look()
        try:
            return news.result(patience)
        except TimeoutError:
            return None if news.cancel() else news.result()

    def stop(self) -> None:
        """Read no more. Does not wait for what hangs."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            name, work = self._next()
            if self._stopped:
                return
            if name == "grown":
                self._look_for_growth()
            else:
                self._tell_unless_stopped(name, work(self._file), self._file.generation)

    def _look_for_growth(self) -> None:
        before, self._seen = self._seen, (self._file.look(), self._file.generation)
        told = None if self._seen == before else ("grown", self.watch(self._file), self._file.generation)
        with self._changed:
            news, self._news = self._news, None
        if news and news.set_running_or_notify_cancel():
            news.set_result(told)
        elif told:
            self._tell_unless_stopped(*told)

    def _tell_unless_stopped(self, *told: Any) -> None:
        if not self._stopped:
            self._tell(*told)

    def _next(self) -> tuple[str, Work]:
        with self._changed:
            if not self._questions and not self._stopped:
                self._changed.wait(self.every)
            # What somebody waits for goes before what comes by itself.
            name = next((name for name in self._questions if name != "grown"), "grown")
            return name, self._questions.pop(name, _size)


def _size(file: LogFile) -> int:
    return file.size
