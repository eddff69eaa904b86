"""Looks at every run of a project again and again, in a thread that may hang without harm. No Textual here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.snapshot import Snapshot, snapshot
from tarot_tui.project import Project

#: Seconds between two looks.
EVERY = 2.0


class RunsReader:
    """Hands out all runs, newest first, whenever one of them changed, and again only after they were taken."""

    def __init__(self, project: Project, deliver: Callable[[list[Snapshot]], Any]) -> None:
        """``deliver`` is called in the thread, and returns at once."""
        self._project = project
        self._deliver = deliver
        self._known: dict[Path, tuple[tuple[int, int], Snapshot]] = {}
        self._wake = threading.Event()
        self._stopped = False
        threading.Thread(target=self._loop, name="runs-reader", daemon=True).start()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that hangs."""
        self._stopped = True
        self._wake.set()

    def look(self) -> list[Snapshot]:
        """Every run as it is now, newest first; one that is over is read again only when its status is another."""
        found = []
        for folder in reversed(all_jobs(self._project)):
            stamp = _stamp(folder / files.STATUS)
            known = self._known.get(folder)
            if known and known[0] == stamp and not known[1].status.alive and stamp != (0, 0):
                found.append(known[1])
            else:
                found.append(snapshot(folder))
                self._known[folder] = stamp, found[-1]
        return found

    def _loop(self) -> None:
        before: list[Snapshot] | None = None
        while not self._stopped:
            found = self.look()
            if found != before and not self._stopped:
                before = found
                self._deliver(found)
            self._wake.wait(EVERY)
            self._wake.clear()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
