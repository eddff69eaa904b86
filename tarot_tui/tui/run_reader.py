"""The files of one job, read bit by bit for a screen, in a thread that may hang without harm. No Textual here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files, foreign, nodes
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.look import status_of
from tarot_tui.jobs.metrics import MetricsReader, parse_lines
from tarot_tui.jobs.snapshot import elapsed, eta
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.stopping import STOP_GRACE
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.tui.curves_reader import CurvesReader
from tarot_tui.tui.run_curves import Curves, number

#: Seconds between two looks. A look at a run that writes nothing is a handful of stat calls, a tenth of a millisecond;
#: inotify would save that and know nothing of what another machine writes on a shared file system.
EVERY = 1.0
#: … while nobody looks: the terminal has lost the focus, or another screen is in front.
SELDOM = 5.0
#: Samples of the hardware that the first look takes; and a later one, of a file that was thinned meanwhile.
_SAMPLES, _AGAIN = 600, 8
#: Between two looks the older part of a long log is read for so many seconds, and then not for so many.
_FILL, _REST = 0.02, 0.1


@dataclass(frozen=True)
class Look:
    """What is new since the look before, and how the job is now. Times are seconds since the epoch.

    foreign: whether somebody else started it, and nobody writes down what its machine does.
    elapsed, eta: seconds of this attempt, and those that remain. force_in: seconds until a stopping job is ended by
    force. metrics: the latest value of each key of the trainer's log. curves: of the run; others: of the runs that it
    is compared with, by name. hardware: the new samples, the latest last; nodes: the latest of each of the other
    machines, by number.
    """

    time: float
    status: Status
    title: str = ""
    kind: str = ""
    foreign: bool = False
    elapsed: float | None = None
    eta: float | None = None
    force_in: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)
    others: dict[str, Curves] = field(default_factory=dict)
    hardware: list[dict[str, Any]] = field(default_factory=list)
    nodes: dict[int, dict[str, Any]] = field(default_factory=dict)


class RunReader:
    """Looks at one job folder again and again; each look hands out only what is new of the long files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spec: dict[str, Any] = {}
        self._foreign = foreign.is_foreign(folder)
        self._curves = CurvesReader(folder)
        self._others: dict[Path, CurvesReader] = {}
        self._closer: tuple[float, float] | None = None
        self._new_hardware = MetricsReader(folder / files.HARDWARE, last=_AGAIN)
        self._hardware_until = 0.0
        self._last: Status | None = None

    def look_closer(self, limits: tuple[float, float] | None) -> None:
        """Read every reading between these steps, where some are left out."""
        self._closer = limits

    def compare_with(self, folders: Iterable[Path]) -> None:
        """Read the curves of these runs too, and of no others."""
        self._others = {folder: self._others.get(folder) or CurvesReader(folder) for folder in folders}

    @property
    def filling(self) -> bool:
        """Whether there is an older part of a long log of which the first look took only some lines."""
        return any(reader.filling for reader in (self._curves, *self._others.values()))

    def fill_in(self, seconds: float) -> None:
        """Spend so long on that part."""
        for reader in (self._curves, *self._others.values()):
            if reader.filling:
                return reader.fill_in(seconds)

    def look(self) -> Look:
        """Look now. Blocks as long as the disk does; raises nothing for missing, damaged or half-written files."""
        # The status first: what was written before the end is then all there.
        found = self._read_status()
        self._curves.note_end(found.cause, found.ended)
        spec = self._read_spec()
        return Look(
            time=time.time(),
            status=found,
            title=one_line(str(spec.get("title") or self._folder.name), 80),
            kind=one_line(str(spec.get("kind") or ""), 20),
            foreign=self._foreign,
            elapsed=elapsed(found),
            eta=eta(found),
            force_in=self._force_in(found),
            curves=self._curves.read(self._closer),
            metrics=dict(self._curves.latest),
            others={folder.name: reader.read() for folder, reader in self._others.items()},
            hardware=self._read_hardware(found),
            nodes=self._read_nodes(found),
        )

    def _read_status(self) -> Status:
        if self._last and not self._folder.is_dir():
            reason = _("Its folder is gone: it was removed or moved while you watched.")
            return replace(self._last, state="lost", cause="gone", reason=reason, pace=None)
        self._last = status_of(self._folder)
        return self._last

    def _read_spec(self) -> dict[str, Any]:
        # Written once, before the job starts.
        if not self._spec and self._foreign:
            self._spec = {"title": foreign.title(self._folder), "kind": "train"}
        if not self._spec:
            with suppress(BadInput):
                self._spec = read_spec(self._folder)
        return self._spec

    def _read_hardware(self, found: Status) -> list[dict[str, Any]]:
        if self._hardware_until and not found.alive:
            return []
        samples = self._new_hardware.read() if self._hardware_until else self._past_hardware()
        new = [sample for sample in samples if (number(sample.get("time")) or 0.0) > self._hardware_until]
        if new:
            self._hardware_until = number(new[-1]["time"]) or 0.0
        return new

    def _past_hardware(self) -> list[dict[str, Any]]:
        # As much as the history shows, of the older part every fifth.
        lines = last_lines(self._folder / files.HARDWARE, _SAMPLES)
        return parse_lines(line.encode() for line in [*lines[:-20:5], *lines[-20:]])

    def _read_nodes(self, found: Status) -> dict[int, dict[str, Any]]:
        latest: dict[int, dict[str, Any]] = {}
        for place in (self._folder / nodes.FOLDER).glob("*"):
            samples = parse_lines(line.encode() for line in last_lines(place / files.HARDWARE, 2))
            if place.name.isdigit() and samples:
                latest[int(place.name)] = samples[-1]
        return dict(sorted(latest.items()))

    def _force_in(self, found: Status) -> float | None:
        if found.state != "stopping":
            return None
        events = parse_lines(line.encode() for line in last_lines(self._folder / files.EVENTS, 50))
        asked = [event for event in events if event.get("kind") == "request" and event.get("verb") == "stop"]
        at = number(asked[-1].get("time")) if asked else None
        if at is None:
            return None
        return max(0.0, at + (number(self._spec.get("stop_grace")) or STOP_GRACE) - time.time())


class Watcher:
    """Looks once a second in a daemon thread, and again only after the look before was taken.

    So a screen that paints slowly is never flooded, and a disk that hangs stops the looks and nothing else.
    """

    def __init__(self, folder: Path, deliver: Callable[[Look], Any]) -> None:
        """``deliver`` is called in the thread; it hands the look over and returns at once."""
        #: Seconds between two looks.
        self.every = EVERY
        self._reader = RunReader(folder)
        self._deliver = deliver
        self._wake = threading.Event()
        self._taken = threading.Event()
        self._stopped = False
        self._compared: list[Path] = []
        self._closer: tuple[float, float] | None = None
        threading.Thread(target=self._loop, name="run-reader", daemon=True).start()

    def taken(self) -> None:
        """The look was shown: the next may come."""
        self._taken.set()

    def wake(self) -> None:
        """Look now, not only when the second is over."""
        self._wake.set()

    def look_closer(self, limits: tuple[float, float] | None) -> None:
        """Look at every reading between these steps."""
        if limits != self._closer:
            self._closer = limits
            self.wake()

    def compare_with(self, folders: Iterable[Path]) -> None:
        """Look at the curves of these runs too."""
        self._compared = list(folders)
        self.wake()

    def stop(self) -> None:
        """Look no more. Does not wait for a look that hangs."""
        self._stopped = True
        self._wake.set()
        self._taken.set()

    def _loop(self) -> None:
        while not self._stopped:
            self._reader.compare_with(self._compared)
            self._reader.look_closer(self._closer)
            look = self._reader.look()
            if self._stopped:
                return
            self._taken.clear()
            self._deliver(look)
            self._taken.wait()
            until = time.monotonic() + self.every
            while (
                not self._stopped
                and not self._wake.is_set()
                and self._reader.filling
                and time.monotonic() < until
            ):
                self._reader.fill_in(_FILL)
                self._wake.wait(_REST)
            self._wake.wait(max(0.0, until - time.monotonic()))
            self._wake.clear()
