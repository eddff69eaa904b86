"""The curves of one run, read from its files as they grow. No Textual here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, foreign
from tarot_tui.jobs.look import metrics_of
from tarot_tui.jobs.metrics import MetricsReader, rows_between
from tarot_tui.tui.run_curves import SMOOTH, Curves, Detail, RunCurves

#: Of a longer trainer log, in bytes, the older part is first shown by some of its lines; and what one look takes of it.
_BYTES = 8 << 20
#: Bytes that are read of a part that is looked at closer.
_CLOSER = 2 << 20
#: Lines that are read at a time of that older part.
_PIECE = 200


class CurvesReader:
    """Reads only what is new. A long log is shown at once by some of its lines, and whole when :meth:`fill_in` is through."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._foreign = foreign.is_foreign(folder)
        self._rows = metrics_of(folder, thin_above=_BYTES)
        self._events = MetricsReader(folder / files.EVENTS)
        self._curves = RunCurves()
        #: The latest value of every key.
        self.latest: dict[str, Any] = {}
        #: While they are being read: every line, and what they make.
        self._whole = RunCurves() if _size(folder / files.METRICS) > _BYTES else None
        self._every = metrics_of(folder)
        self._lines: Iterator[dict[str, Any]] = iter(())
        self._closer: tuple[Any, Detail] = None, Detail(0, 0, {})

    def read(self, closer: tuple[float, float] | None = None) -> Curves:
        """How the curves are now. closer: from which step to which every reading is wanted, where some are left out."""
        for row in self._rows.each(_BYTES):
            self.latest |= row
            self._curves.add(row)
        for event in self._new_events():
            self._curves.add_event(event)
        found = self._curves.frozen()
        if closer is None or not found.thinned or self._foreign:
            return found
        return replace(found, detail=self._read_closer(*closer))

    def note_end(self, cause: str, ended: float | None) -> None:
        """The run ended of ``cause``, at this time."""
        self._curves.add_event({"kind": "end", "cause": cause, "time": ended})

    def _read_closer(self, left: float, right: float) -> Detail:
        asked = left, right, right > self._curves.frozen().last_step and self.latest.get("current_steps")
        if asked != self._closer[0]:
            curves = RunCurves()
            for row in rows_between(self._folder / files.METRICS, left, right, _CLOSER):
                curves.add(row)
            # An average that begins here would not be that of the whole.
            by_key = {key: curve for key, curve in curves.frozen().by_key.items() if key != SMOOTH}
            self._closer = asked, Detail(left, right, by_key)
        return self._closer[1]

    @property
    def filling(self) -> bool:
        """Whether some of the lines have not been read yet."""
        return self._whole is not None

    def fill_in(self, seconds: float) -> None:
        """Read for so long on; at the end the whole curves take the place of the thinned ones."""
        until = time.monotonic() + seconds
        while self._whole and time.monotonic() < until:
            rows = list(islice(self._lines, _PIECE))
            for row in rows:
                self._whole.add(row)
            if not rows and not self._goes_on():
                self._whole.take_marks_from(self._curves)
                self._rows, self._curves, self._whole = self._every, self._whole, None

    def _goes_on(self) -> bool:
        """Whether there are lines that were written meanwhile, or if this is the first time, lines at all."""
        self._lines = self._every.each()
        first = list(islice(self._lines, 1))
        self._lines = chain(first, self._lines)
        return bool(first)

    def _new_events(self) -> list[dict[str, Any]]:
        if self._foreign:
            numbers = (path.name.rpartition("-")[2] for path in self._folder.glob("checkpoint-*"))
            return [{"kind": "checkpoint", "step": int(number)} for number in numbers if number.isdigit()]
        return self._events.read()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
