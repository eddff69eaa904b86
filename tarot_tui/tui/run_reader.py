"""The files of one job, read bit by bit for a screen, in a thread that may hang without harm. No Textual here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files, foreign
from tarot_tui.jobs.log import Tail, last_lines
from tarot_tui.jobs.look import log_of, metrics_of, status_of
from tarot_tui.jobs.metrics import parse_lines
from tarot_tui.jobs.snapshot import elapsed, eta
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.stopping import STOP_GRACE
from tarot_tui.text import one_line

#: Seconds between two looks. A look at a run that writes nothing is a handful of stat calls, a tenth of a millisecond;
#: inotify would save that and know nothing of what another machine writes on a shared file system.
EVERY = 1.0
#: How much of an old log is read, in bytes; and what one look takes of a fast one.
_LOG_BYTES = 512 * 1024
#: Of a longer trainer log, in bytes, the older part is first shown by some of its lines; and what one look takes of it.
_METRICS_BYTES = 8 << 20


@dataclass(frozen=True)
class Look:
    """What is new since the look before, and how the job is now. Times are seconds since the epoch.

    elapsed, eta: seconds of this attempt, and those that remain. force_in: seconds until a stopping job is ended by
    force. losses: new (step, loss) readings. metrics: the latest value of each key of the trainer's log.
    log: newly finished lines; partial: the unfinished one. hardware: the last sample.
    """

    time: float
    status: Status
    title: str = ""
    kind: str = ""
    elapsed: float | None = None
    eta: float | None = None
    force_in: float | None = None
    losses: list[tuple[float, float | None]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    partial: str = ""
    hardware: dict[str, Any] = field(default_factory=dict)


class RunReader:
    """Looks at one job folder again and again; each look hands out only what is new of the long files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spec: dict[str, Any] = {}
        self._foreign = foreign.is_foreign(folder)
        self._metrics_reader = metrics_of(folder, thin_above=_METRICS_BYTES)
        self._metrics: dict[str, Any] = {}
        self._log: Tail | None = None
        self._hardware: dict[str, Any] = {}

    def look(self) -> Look:
        """Look now. Blocks as long as the disk does; raises nothing for missing, damaged or half-written files."""
        # The status first: what was written before the end is then all there.
        found = status_of(self._folder)
        spec = self._read_spec()
        lines, partial = self._read_log()
        return Look(
            time=time.time(),
            status=found,
            title=one_line(str(spec.get("title") or self._folder.name), 80),
            kind=one_line(str(spec.get("kind") or ""), 20),
            elapsed=elapsed(found),
            eta=eta(found),
            force_in=self._force_in(found),
            losses=self._read_losses(),
            metrics=dict(self._metrics),
            log=lines,
            partial=partial,
            hardware=self._read_hardware(found),
        )

    def _read_spec(self) -> dict[str, Any]:
        # Written once, before the job starts.
        if not self._spec and self._foreign:
            self._spec = {"title": foreign.title(self._folder), "kind": "train"}
        if not self._spec:
            with suppress(BadInput):
                self._spec = read_spec(self._folder)
        return self._spec

    def _read_losses(self) -> list[tuple[float, float | None]]:
        losses = []
        for row in self._metrics_reader.each(_METRICS_BYTES):
            self._metrics |= row
            step = number(row.get("current_steps"))
            if step is not None and "loss" in row:
                # A loss that is not a number arrives as NaN, or as null from writers of strict JSON.
                losses.append((step, number(row["loss"], finite=False)))
        return losses

    def _read_log(self) -> tuple[list[str], str]:
        path = log_of(self._folder)
        if self._log is None:
            try:
                start = max(path.stat().st_size - _LOG_BYTES, 0)
            except OSError:
                return [], ""
            self._log = Tail(path, start)
            lines, partial = self._log.read(_LOG_BYTES)
            return (lines[1:] if start else lines), partial
        return self._log.read(_LOG_BYTES)

    def _read_hardware(self, found: Status) -> dict[str, Any]:
        if found.alive or not self._hardware:
            readings = parse_lines(line.encode() for line in last_lines(self._folder / files.HARDWARE, 2))
            self._hardware = readings[-1] if readings else self._hardware
        return self._hardware

    def _force_in(self, found: Status) -> float | None:
        if found.state != "stopping":
            return None
        events = parse_lines(line.encode() for line in last_lines(self._folder / files.EVENTS, 50))
        asked = [event for event in events if event.get("kind") == "request" and event.get("verb") == "stop"]
        at = number(asked[-1].get("time")) if asked else None
        if at is None:
            return None
        return max(0.0, at + (number(self._spec.get("stop_grace")) or STOP_GRACE) - time.time())


def number(value: Any, *, finite: bool = True) -> float | None:
    """``value`` if it is a number (with ``finite``: neither NaN nor infinite nor absurdly large), else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > 1e15:
        return None
    return float(value) if abs(value) < 1e15 or not finite else None


class Watcher:
    """Looks once a second in a daemon thread, and again only after the look before was taken.

    So a screen that paints slowly is never flooded, and a disk that hangs stops the looks and nothing else.
    """

    def __init__(self, folder: Path, deliver: Callable[[Look], Any]) -> None:
        """``deliver`` is called in the thread; it hands the look over and returns at once."""
        self._reader = RunReader(folder)
        self._deliver = deliver
        self._wake = threading.Event()
        self._taken = threading.Event()
        self._stopped = False
        threading.Thread(target=self._loop, name="run-reader", daemon=True).start()

    def taken(self) -> None:
        """The look was shown: the next may come."""
        self._taken.set()

    def wake(self) -> None:
        """Look now, not only when the second is over."""
        self._wake.set()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that hangs."""
        self._stopped = True
        self._wake.set()
        self._taken.set()

    def _loop(self) -> None:
        while not self._stopped:
            look = self._reader.look()
            if self._stopped:
                return
            self._taken.clear()
            self._deliver(look)
            self._taken.wait()
            self._wake.wait(EVERY)
            self._wake.clear()
