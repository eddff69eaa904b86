"""What the system grants a process: shared memory, open files, locked memory, swap; and how fast the disk writes."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.doctor.machine import container
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import size

#: Data loaders and NCCL hand tensors over in /dev/shm; Docker's own 64 MB is too little for either.
SHM = 1_000_000_000
#: A data loader of several workers keeps hundreds of files open.
FILES = 4096
#: Below this (bytes a second) a checkpoint of a large model takes minutes.
SLOW = 50_000_000
_SAMPLE = 32 << 20


@dataclass(frozen=True)
class Limits:
    """shm: bytes of /dev/shm, None without one. files: how many one process may open. swap: bytes. gpus: how many."""

    shm: int | None
    files: int
    swap: int
    container: bool = False


def check() -> Iterator[Finding]:
    """The limits, then the disk of the working directory."""
    import psutil

    shm = shutil.disk_usage("/dev/shm").total if os.path.isdir("/dev/shm") else None
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = soft if soft != resource.RLIM_INFINITY else 1 << 30
    yield from findings(Limits(shm, files, psutil.swap_memory().total, container()))
    yield from _disk()


def findings(limits: Limits) -> Iterator[Finding]:
    """What is too little, and one sentence when nothing is."""
    short = False
    if limits.shm is None or limits.shm < SHM:
        short = True
        yield Finding(
            "limits.shm",
            "warning",
            _("Shared memory holds {size}: several GPUs or data loaders end in a bus error.").format(
                size=size(limits.shm or 0)
            ),
            f"/dev/shm {limits.shm}",
            fix="docker run --ipc=host …" if limits.container else "sudo mount -o remount,size=8G /dev/shm",
        )
    if limits.files < FILES:
        short = True
        yield Finding(
            "limits.files",
            "warning",
            _("Only {count} files may be open at a time: data loaders need more.").format(count=limits.files),
            f"RLIMIT_NOFILE {limits.files}",
            fix="ulimit -n 65536",
        )
    if not short:
        yield Finding(
            "limits",
            "ok",
            _("Shared memory and open files are enough."),
            f"/dev/shm {limits.shm}, files {limits.files}, swap {limits.swap}",
        )


def _disk() -> Iterator[Finding]:
    with suppress(OSError):
        yield disk(measured(Path.cwd()))


def measured(folder: Path) -> float:
    """Bytes a second that ``folder``'s disk takes and keeps (fsync), by a file of 32 MB that is gone afterwards."""
    data = os.urandom(1 << 20)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".tarot-speed-") as file:
        began = time.monotonic()
        for _piece in range(_SAMPLE >> 20):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return _SAMPLE / max(time.monotonic() - began, 1e-6)


def disk(speed: float) -> Finding:
    """What ``speed`` bytes a second mean for checkpoints."""
    values = {"speed": size(int(speed)), "minutes": 16_000_000_000 / speed / 60}
    if speed < SLOW:
        return Finding(
            "limits.disk",
            "warning",
            _(
                "The disk writes {speed} a second: the checkpoint of an 8B model takes {minutes:.0f} minutes."
            ).format(**values),
            f"{speed:.0f} B/s",
            fix="df -h .",
        )
    return Finding(
        "limits.disk", "ok", _("The disk writes {speed} a second.").format(**values), f"{speed:.0f} B/s"
    )
