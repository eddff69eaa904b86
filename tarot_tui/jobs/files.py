"""The files of a job folder: their names, and reading and writing them so that no reader ever sees half of one.

Standard library only: workers in other environments import this too.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

SPEC = "job.yaml"
STATUS = "status.json"
EVENTS = "events.jsonl"
LOG = "log.txt"
HARDWARE = "hardware.jsonl"
METRICS = "trainer_log.jsonl"
PROGRESS = "progress.json"
RESULT = "result.json"
LOCK = ".lock"
SUPERVISOR_LOG = "supervisor.log"
#: Blocks that are given back to a full disk, for the supervisor's last word.
RESERVE = ".reserve"

#: What a reader may ask of a supervisor, each as a file ``request.<verb>``.
VERBS = ("stop", "save", "kill")
#: What a supervisor asks of its worker, as files the worker looks for.
WORKER_STOP = "worker.stop"
WORKER_SAVE = "worker.save"


def rank_log(rank: int | str) -> str:
    """The name of the file with the output of one of several processes; rank 0 has ``log.txt``."""
    return f"log.rank{rank}.txt"


def request_file(verb: str) -> str:
    """The name of the file that asks for ``verb``."""
    return f"request.{verb}"


def write_json(path: Path, value: Any, *, durable: bool = False) -> None:
    """Replace ``path`` by ``value`` in one step; ``durable`` also waits until the disk has it.

    Raises OSError (disk full, folder gone); ``path`` then is what it was.
    """
    with replacing_lines(path) as file:
        json.dump(value, file, ensure_ascii=False)
        file.write("\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing_lines(path: Path) -> Iterator[TextIO]:
    """A text file that becomes ``path`` in one step when the block ends well, and vanishes when it does not.

    It keeps the permissions of what it replaces: who was let in to read stays let in.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            with suppress(OSError):
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            yield file
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def reserve(folder: Path, size: int = 64 * 1024) -> None:
    """Occupy a few blocks of the job's disk; removing :data:`RESERVE` makes room to write when it is full."""
    with suppress(OSError):
        # Random, since some file systems store zeros without taking any room for them.
        (folder / RESERVE).write_bytes(os.urandom(size))


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in ``path``; empty when it is missing, half-written, or anything else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def append_json(path: Path, value: Any) -> None:
    """Append ``value`` as one line, in one write, so that several writers never mix. Raises OSError."""
    line = json.dumps(value, ensure_ascii=False, default=str) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line.encode("utf-8", "replace"))
    finally:
        os.close(handle)


def append_event(folder: Path, kind: str, **facts: Any) -> None:
    """Append one line to ``events.jsonl``: ``time`` (seconds since the epoch), ``kind``, and its facts."""
    append_json(folder / EVENTS, {"time": round(time.time(), 3), "kind": kind, **facts})
