"""Runs that somebody else started: a folder that LLaMA-Factory or transformers' Trainer writes to.

Nothing in it says who writes and whether he still lives, so that is judged by what was written last. Read are
``trainer_log.jsonl`` and ``running_log.txt`` (LLaMA-Factory), and ``trainer_state.json``, which Trainer writes into every
checkpoint and, at the very end, into the folder itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.metrics import MetricsReader, parse_lines
from tarot_tui.jobs.status import Pace, Status, parse
from tarot_tui.locale import _
from tarot_tui.text import duration

STATE = "trainer_state.json"
RUNNING_LOG = "running_log.txt"

#: Nothing written for so many seconds, and for so many times the usual pause, means that nobody writes any more.
_QUIET = 300.0
_PAUSES = 10
#: Lines of the log that the speed is read from.
_LINES = 2000
_ELAPSED = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d)")
#: transformers' names → those of ``trainer_log.jsonl``.
_NAMES = {"step": "current_steps", "learning_rate": "lr"}
_KEPT = ("current_steps", "loss", "eval_loss", "lr", "grad_norm", "epoch")

Row = dict[str, Any]
Stamp = tuple[int, int, int] | None


def is_foreign(folder: Path) -> bool:
    """Whether ``folder`` is a training's, but no job of ours."""
    if (folder / files.SPEC).exists():
        return False
    written = (folder / name for name in (files.METRICS, STATE, RUNNING_LOG))
    return any(path.is_file() for path in written) or bool(_checkpoints(folder))


def title(folder: Path) -> str:
    """Whose run it is, for people."""
    if (folder / files.METRICS).exists() or (folder / RUNNING_LOG).exists():
        return _("a run of LLaMA-Factory")
    return _("a run of transformers' Trainer")


def status(folder: Path) -> Status:
    """How the run is, as far as its files say. Never raises.

    Its speed is that of the current attempt: LLaMA-Factory divides the time since a resume by all steps ever made, and
    so promises the end too soon.
    """
    rows = _logged(folder)
    state = {} if rows else _latest_state(folder)
    counted = rows[-1] if rows else {}
    found = parse(
        {
            "step": counted.get("current_steps", state.get("global_step")),
            "total": counted.get("total_steps", state.get("max_steps")),
            "heartbeat": min(_written(folder), time.time()),
        }
    )
    attempt = _attempt(rows)
    pace = _pace(attempt, len(attempt) == len(rows), folder) if rows else _pace_of_checkpoints(folder)
    found = replace(found, pace=pace, started=pace.first_time if pace else None, attempt=1)
    return _judged(folder, found, attempt)


def log(folder: Path) -> Path:
    """What the run says in words; the file may be missing."""
    return folder / RUNNING_LOG


class ForeignMetrics:
    """New rows of the run, each once, with the keys of ``trainer_log.jsonl`` whoever wrote them."""

    def __init__(self, folder: Path, thin_above: int | None = None) -> None:
        self._folder = folder
        self._log = MetricsReader(folder / files.METRICS, thin_above=thin_above)
        self._seen: tuple[float, Path] | None = None
        self._step = -1.0

    def read(self) -> list[Row]:
        """The rows since the last call, in order."""
        return list(self.each())

    def each(self, limit: int | None = None) -> Iterator[Row]:
        """The same one by one, as :meth:`tarot_tui.jobs.metrics.MetricsReader.each` does."""
        if (self._folder / files.METRICS).exists():
            yield from map(_ours, self._log.each(limit))
            return
        # A state holds the whole history: read it when it is another, and pass over what is known.
        path = _latest_state_file(self._folder)
        seen = (_modified(path), path) if path else None
        if seen == self._seen or path is None:
            return
        self._seen = seen
        for row in history(path):
            if _step(row) > self._step or (_step(row) == self._step and "eval_loss" in row):
                self._step = _step(row)
                yield row


def history(state: Path) -> list[Row]:
    """The ``log_history`` of a ``trainer_state.json`` in the words of ``trainer_log.jsonl``."""
    found = _state(state, _stamp(state))
    entries = found.get("log_history")
    rows = [_ours(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    total = found.get("max_steps")
    return [{**row, "total_steps": total} for row in rows if "loss" in row or "eval_loss" in row]


def latest(folder: Path, count: int = 20) -> Row:
    """The latest value of every key; ``grad_norm`` also for LLaMA-Factory, whose log lacks it."""
    merged: Row = {}
    path = _latest_state_file(folder)
    for row in [*(history(path)[-count:] if path else []), *map(_ours, _logged(folder)[-count:])]:
        merged |= row
    return merged


def _logged(folder: Path) -> list[Row]:
    path = folder / files.METRICS
    return _last_rows(path, _stamp(path))


# A screen looks every second at what is written every minute.
@lru_cache(maxsize=8)
def _last_rows(path: Path, _unchanged: Stamp) -> list[Row]:
    rows = parse_lines(line.encode() for line in last_lines(path, _LINES))
    return [row for row in rows if _number(row.get("current_steps"))]


def _judged(folder: Path, found: Status, attempt: list[Row]) -> Status:
    # Saving a large model comes after the last step, but every step is done.
    if found.step is not None and found.total and found.step >= found.total:
        return replace(found, state="finished", ended=found.heartbeat)
    # Trainer writes this file when it ends, so an older one is of the attempt before.
    if _modified(folder / STATE) >= max(_modified(folder / files.METRICS) - 5, 1):
        reason = _("It was ended in good order, before its last step.")
        return replace(found, state="stopped", ended=found.heartbeat, reason=reason)
    silence = time.time() - (found.heartbeat or 0)
    if silence <= max(_QUIET, _PAUSES * _pause(attempt, found.pace)):
        return replace(found, state="running")
    reason = _("Nothing was written for {time}: it has ended or was killed before its last step.")
    return replace(found, state="lost", cause="silent", reason=reason.format(time=duration(silence)))


def _attempt(rows: list[Row]) -> list[Row]:
    """The rows since the last resume: from there on the clock, or the count, begins anew."""
    start = 0
    for at in range(1, len(rows)):
        earlier, later = rows[at - 1], rows[at]
        if _seconds(later) < _seconds(earlier) or _step(later) < _step(earlier):
            start = at
    return rows[start:]


def _pace(attempt: list[Row], from_the_start: bool, folder: Path) -> Pace | None:
    first, last = attempt[0], attempt[-1]
    now = _modified(folder / files.METRICS)
    begun, base = _seconds(first), int(_step(first))
    if from_the_start and _step(first) <= 2 * _spacing(attempt):
        begun, base = 0.0, 0
    spent = _seconds(last) - begun
    return Pace(base, now - spent, int(_step(last)), now) if spent > 0 else None


def _pace_of_checkpoints(folder: Path) -> Pace | None:
    marks = sorted((_modified(path / STATE), _number_of(path)) for path in _checkpoints(folder))[-2:]
    if len(marks) < 2 or marks[0][1] >= marks[1][1] or marks[0][0] >= marks[1][0]:
        return None
    return Pace(marks[0][1], marks[0][0], marks[1][1], marks[1][0])


def _pause(attempt: list[Row], pace: Pace | None) -> float:
    """Seconds between two things being written, as a rule."""
    if len(attempt) > 1:
        times = [_seconds(row) for row in attempt[-50:]]
        from statistics import median  # brings fractions and decimals along, which nobody else needs

        return median(later - earlier for earlier, later in zip(times, times[1:], strict=False))
    return pace.time - pace.first_time if pace else 0.0


def _spacing(attempt: list[Row]) -> float:
    steps = [_step(row) for row in attempt[:50]]
    gaps = [later - earlier for earlier, later in zip(steps, steps[1:], strict=False) if later > earlier]
    return min(gaps, default=steps[0])


def _written(folder: Path) -> float:
    places = [folder / name for name in (files.METRICS, STATE, RUNNING_LOG)]
    return max(map(_modified, [*places, *_checkpoints(folder)]), default=0.0)


def _latest_state_file(folder: Path) -> Path | None:
    places = [folder / STATE, *(path / STATE for path in _checkpoints(folder))]
    return max((path for path in places if path.is_file()), key=_modified, default=None)


def _latest_state(folder: Path) -> Row:
    path = _latest_state_file(folder)
    return _state(path, _stamp(path)) if path else {}


@lru_cache(maxsize=8)
def _state(path: Path, _unchanged: Stamp) -> Row:
    return files.read_json(path)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if _number_of(path) and (path / STATE).is_file()]


def _number_of(checkpoint: Path) -> int:
    digits = checkpoint.name.removeprefix("checkpoint-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0


def _ours(row: Row) -> Row:
    named = {_NAMES.get(key, key): value for key, value in row.items()}
    return {
        key: value
        for key, value in named.items()
        if key in (*_KEPT, "total_steps", "throughput", "total_tokens")
    }


def _seconds(row: Row) -> float:
    match = _ELAPSED.fullmatch(str(row.get("elapsed_time", "")))
    if not match:
        return 0.0
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 86400.0 * days + 3600 * hours + 60 * minutes + seconds


def _step(row: Row) -> float:
    return float(row["current_steps"]) if _number(row.get("current_steps")) else 0.0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _stamp(path: Path) -> Stamp:
    """By which a file is known to be as it was; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
