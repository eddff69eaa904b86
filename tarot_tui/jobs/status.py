"""How a job is: ``status.json`` as its supervisor wrote it, judged by who still lives."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from tarot_tui.jobs import files, slurm
from tarot_tui.jobs.identity import Identity, from_dict, is_alive, rebooted_since
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line

State = Literal["queued", "starting", "running", "stopping", "finished", "stopped", "failed", "lost"]

#: Seconds without a heartbeat after which a supervisor that lives is said to be silent.
SILENT = 15.0
#: Seconds without a heartbeat after which a job of another machine counts as lost.
SILENT_ELSEWHERE = 60.0


@dataclass(frozen=True)
class Pace:
    """Two moments of one attempt, from which its speed follows: the first step seen, and the latest."""

    first_step: int
    first_time: float
    step: int
    time: float


@dataclass(frozen=True)
class Status:
    """One look at a job. Times are seconds since the epoch.

    step, total, unit, what: progress; ``total`` is None when unknown. reason: one sentence, empty when there is
    nothing to say. cause: the same for programs (``cuda_oom``, see :mod:`tarot_tui.jobs.classify`). exit_code or
    signal: how the worker ended. started: of this attempt. attempt: 1 for the first start, 0 before it.
    log_from: byte of ``log.txt`` where this attempt begins. heartbeat: when the supervisor last wrote; beat: the same on
    its machine's monotonic clock, which nobody sets. supervised: False when the worker lives alone.
    """

    state: State = "queued"
    step: int | None = None
    total: int | None = None
    unit: str = "steps"
    what: str = ""
    reason: str = ""
    cause: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started: float | None = None
    ended: float | None = None
    heartbeat: float | None = None
    beat: float | None = None
    supervisor: Identity | None = None
    worker: Identity | None = None
    attempt: int = 0
    log_from: int = 0
    pace: Pace | None = None
    supervised: bool = True

    @property
    def alive(self) -> bool:
        """Whether work is going on (or about to)."""
        return self.state in ("starting", "running", "stopping")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values, those of ``status.json``."""
        return dataclasses.asdict(self)


def named(found: Status) -> str:
    """The state in the reader's language."""
    return {
        "queued": _("waiting"),
        "starting": _("starting"),
        "running": _("running"),
        "stopping": _("stopping"),
        "finished": _("finished"),
        "stopped": _("stopped"),
        "failed": _("failed"),
        "lost": _("lost"),
    }[found.state]


def with_unit(number: str, unit: str) -> str:
    """``number`` and what it counts (:attr:`Status.unit`), in the reader's language; of an unknown unit, the number."""
    words = {
        "steps": _("{number} steps"),
        "rows": _("{number} rows"),
        "pieces": _("{number} pieces"),
        "tensors": _("{number} tensors"),
    }
    return words.get(unit, "{number}").format(number=number)


def read(folder: Path) -> Status:
    """The job's status. Never raises: a missing file is ``queued``, a damaged one ``lost``.

    On this machine a job whose supervisor is gone is ``lost``, or, while its worker lives, goes on unsupervised.
    The heartbeat decides only where processes cannot be seen: another machine or container. Of a job that waits in
    Slurm, Slurm says how it is.
    """
    found = _seen(folder)
    if found.alive or found.state == "finished" or not slurm.is_slurms(folder):
        return found
    return slurm.judged(found, folder)


def _seen(folder: Path) -> Status:
    status = _stored(folder)
    if not status.alive:
        return status
    supervisor = is_alive(status.supervisor)
    if supervisor is None:
        return _judged_from_afar(status, folder)
    if supervisor:
        return _remark_on_silence(status)
    worker = is_alive(status.worker)
    # The supervisor may have written its last word and ended between our two looks.
    again = _stored(folder)
    if again.supervisor != status.supervisor or not again.alive:
        return again
    return _unsupervised(again) if worker else _left_behind(again, files.read_json(folder / files.RESULT))


def _stored(folder: Path) -> Status:
    path = folder / files.STATUS
    found = files.read_json(path)
    if found:
        return parse(found)
    if path.exists() and not (found := files.read_json(path)):
        return Status(
            state="lost",
            cause="damaged",
            reason=_("{file} is damaged; resume goes on from the last checkpoint.").format(file=path.name),
        )
    return parse(found)


def parse(found: dict[str, Any]) -> Status:
    """The contents of ``status.json`` as a Status; a value of the wrong type counts as absent."""
    state = found.get("state")
    return Status(
        state=state if state in get_args(State) else "queued",
        step=_integer(found.get("step")),
        total=_integer(found.get("total")),
        unit=one_line(str(found.get("unit") or "steps"), 20),
        what=one_line(str(found.get("what") or "")),
        reason=one_line(str(found.get("reason") or ""), 600),
        cause=one_line(str(found.get("cause") or ""), 40),
        exit_code=_integer(found.get("exit_code")),
        signal=_integer(found.get("signal")),
        started=_number(found.get("started")),
        ended=_number(found.get("ended")),
        heartbeat=_number(found.get("heartbeat")),
        beat=_number(found.get("beat")),
        supervisor=from_dict(found.get("supervisor")),
        worker=from_dict(found.get("worker")),
        attempt=_integer(found.get("attempt")) or 0,
        log_from=_integer(found.get("log_from")) or 0,
        pace=_pace(found.get("pace")),
    )


def _judged_from_afar(status: Status, folder: Path) -> Status:
    now = time.time()
    # Whichever clock is kinder: that machine's own, or that of the file system, should the two differ.
    silence = now - max(status.heartbeat or 0, _written(folder / files.STATUS))
    if silence <= SILENT_ELSEWHERE:
        return status
    if now - max(_written(folder / name) for name in (files.PROGRESS, files.METRICS)) <= SILENT_ELSEWHERE:
        return _unsupervised(status)
    return dataclasses.replace(
        status,
        state="lost",
        cause="silent",
        reason=_(
            "Nothing heard from {host} for {time}: look there, or resume here once nothing runs there."
        ).format(host=one_line(status.supervisor.host, 60), time=duration(silence)),
    )


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _remark_on_silence(status: Status) -> Status:
    # The monotonic clock is one for all processes of a machine, until it is started anew.
    silence = time.monotonic() - status.beat if status.beat else 0
    if silence <= SILENT:
        return status
    return dataclasses.replace(
        status,
        reason=_(
            "Its supervisor lives but has not reported for {time}: the disk may be full or hanging."
        ).format(time=duration(silence)),
    )


def _unsupervised(status: Status) -> Status:
    return dataclasses.replace(
        status,
        state="running",
        supervised=False,
        cause="unsupervised",
        reason=_(
            "Its supervisor was killed; the work itself goes on, and 'resume' takes it under supervision again."
        ),
    )


def _left_behind(status: Status, result: dict[str, Any]) -> Status:
    """The end of a job whose supervisor did not live to see it: what the worker said last, or ``lost``."""
    outcome = result.get("outcome")
    if outcome in ("finished", "stopped", "failed"):
        reason = (
            _("It saved its work and stopped: resume goes on from there.")
            if outcome == "stopped"
            else one_line(str(result.get("reason") or ""), 600)
        )
        cause = "exit_code" if outcome == "failed" else ""
        ended = _number(result.get("time"))
        return dataclasses.replace(status, state=outcome, cause=cause, reason=reason, ended=ended)
    reason = (
        _("The machine was restarted while it ran: resume it.")
        if rebooted_since(status.supervisor)
        else _("It and its supervisor were killed without a word: resume it.")
    )
    return dataclasses.replace(status, state="lost", cause="lost", reason=reason)


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e18:
        return None
    return value


def _pace(value: Any) -> Pace | None:
    try:
        return Pace(
            int(value["first_step"]), float(value["first_time"]), int(value["step"]), float(value["time"])
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
