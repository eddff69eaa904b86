"""What a worker says to its supervisor, and what it is asked: plain files, so that either may die.

Standard library only. Outside a job (no ``TAROT_JOB_DIR``) every function is quiet, so the same code runs by hand.
With several processes only rank 0 writes.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tarot_tui.jobs import files

#: The environment variable that names the job folder.
VARIABLE = "TAROT_JOB_DIR"
#: The environment variable with the umask of whoever started the job: what is in its folder is for its owner alone.
UMASK = "TAROT_JOB_UMASK"
_SECONDS_BETWEEN_WRITES = 0.5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

_pending: dict[str, Any] | None = None
_written: dict[str, Any] = {}
_written_at = float("-inf")
_told = False


def job_dir() -> Path | None:
    """The folder of the job that this process works for, where it is now; None outside a job."""
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    try:
        # The folder may be moved while we work for it; its handle goes with it.
        return Path(os.readlink(f"/proc/self/fd/{_handle(value)}"))
    except OSError:
        return Path(value)


@cache
def _handle(folder: str) -> int:
    return os.open(folder, os.O_PATH | os.O_DIRECTORY)


def write_as_the_user() -> None:
    """From here on make files that those may read who may read the user's own: for what is made outside the job folder."""
    if mask := os.environ.get(UMASK):
        os.umask(int(mask, 8))


def rank() -> int:
    """Which of the job's processes this is, on all machines together; 0 of one."""
    return int(os.environ.get("RANK") or 0)


def processes() -> int:
    """How many processes do this work together, on all machines."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def own_log() -> None:
    """Give the output of every process but rank 0 a file of its own in the job folder, so that ``log.txt`` stays readable.

    Like ``log.txt`` it is the file itself and no pipe. Each attempt begins with a line that starts with ``---``.
    """
    folder = job_dir()
    if folder is None or rank() == 0:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(
        folder / files.rank_log(rank()), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666
    )
    os.write(handle, f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} ---\n".encode())
    for descriptor in (1, 2):
        os.dup2(handle, descriptor)
    os.close(handle)


def stop_on_sigterm() -> None:
    """Take SIGTERM, which everybody gets when the machine or a batch system makes room, as a request to stop."""
    signal.signal(signal.SIGTERM, _told_to_end)


def end_with_launcher() -> None:
    """Be told to end (SIGTERM) when the process that started this one dies: a rank alone would only keep a GPU."""
    launcher = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != launcher:  # it died between the two
        signal.raise_signal(signal.SIGTERM)


def _told_to_end(*_signal: Any) -> None:
    global _told
    _told = True


def progress(step: int, total: int | None, unit: str = "steps", what: str = "") -> None:
    """Say how far the work is: ``step`` of ``total`` (None when unknown) ``unit``s, now doing ``what`` (a sentence).

    Call it as often as you like: at most two steps a second reach the disk, and always the last one, the
    one that completes the total, and every change of what is done.
    """
    global _pending
    said = {"step": int(step), "total": total if total is None else int(total), "unit": unit, "what": what}
    only_steps = all(said[key] == _written.get(key) for key in ("total", "unit", "what"))
    soon = time.monotonic() - _written_at < _SECONDS_BETWEEN_WRITES
    if only_steps and soon and said["step"] != said["total"]:
        _pending = said
    else:
        _write(said)


def flush() -> None:
    """Write what :func:`progress` still holds back; done by itself when the process ends."""
    if _pending is not None:
        _write(_pending)


def stop_requested() -> bool:
    """Whether the worker should save its work, call ``result("stopped")`` and exit; stays true once it is."""
    folder = job_dir()
    return _told or (folder is not None and (folder / files.WORKER_STOP).exists())


def save_requested() -> bool:
    """Whether somebody asked for a checkpoint now; true once for each request."""
    folder = job_dir()
    if folder is None:
        return False
    try:
        (folder / files.WORKER_SAVE).unlink()
    except OSError:
        return False
    return True


def result(outcome: Literal["finished", "stopped", "failed"], **facts: Any) -> None:
    """Say, when everything is saved, how the work ended: ``finished`` (all of it is done) or ``stopped`` (resumable).

    ``facts`` are JSON-ready and kept in ``result.json``. ``failed`` is for who has a ``reason`` for people, in one
    sentence; whoever has none leaves it to the log.
    """
    flush()
    if folder := _folder_to_write():
        files.write_json(
            folder / files.RESULT, {"outcome": outcome, "time": time.time(), **facts}, durable=True
        )


def event(kind: str, **facts: Any) -> None:
    """Append a fact worth keeping to ``events.jsonl`` (a checkpoint saved, a retry and why)."""
    if folder := _folder_to_write():
        files.append_event(folder, kind, **facts)


def finding(id: str, severity: str, text: str, evidence: str = "", fix: str = "") -> None:
    """Append a finding (the keys of ``tarot_tui.findings.Finding``) to ``events.jsonl``."""
    event("finding", id=id, severity=severity, text=text, evidence=evidence, fix=fix)


def _folder_to_write() -> Path | None:
    return job_dir() if rank() == 0 else None


def _write(said: dict[str, Any]) -> None:
    global _pending, _written, _written_at
    _pending, _written, _written_at = None, said, time.monotonic()
    if folder := _folder_to_write():
        try:
            files.write_json(folder / files.PROGRESS, {**said, "time": time.time()})
        except OSError:
            # A full disk must end the work where it saves something that matters, not here.
            _pending = said


atexit.register(flush)
