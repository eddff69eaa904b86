"""Which process is meant: a pid alone is not enough, since pids are used again.

An identity is pid + start time + boot id, and the pid namespace it counts in. The start time is the one of
``/proc/<pid>/stat`` (field 22, proc_pid_stat(5): clock ticks since boot), which no change of the wall clock moves.
"""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Identity:
    """One process, told apart from every later process with the same pid, here and elsewhere."""

    pid: int
    start_time: int
    boot_id: str
    namespace: str
    host: str

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready keys and values."""
        return asdict(self)


def of(pid: int) -> Identity | None:
    """The identity of a living process of this machine, or None when there is none with that pid."""
    started = _start_time(pid)
    return None if started is None else Identity(pid, started, *_here())


def from_dict(value: Any) -> Identity | None:
    """What :meth:`Identity.as_dict` gave; None for anything else."""
    try:
        return Identity(
            int(value["pid"]),
            int(value["start_time"]),
            str(value["boot_id"]),
            str(value["namespace"]),
            str(value["host"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def is_alive(identity: Identity | None) -> bool | None:
    """Whether that very process lives: True, False, or None when it cannot be known from here.

    It cannot be known for another machine or container, nor where ``/proc`` hides other users' processes.
    A zombie is dead.
    """
    if identity is None:
        return False
    boot_id, namespace, host = _here()
    if identity.boot_id != boot_id:
        # The same name after another boot: this machine was restarted, and nothing survives that.
        return False if identity.host == host else None
    if identity.namespace != namespace:
        return None
    started = _start_time(identity.pid)
    if started is None and _hidden(identity.pid):
        return None
    return started == identity.start_time


def rebooted_since(identity: Identity | None) -> bool:
    """Whether this machine was restarted after that process had started on it."""
    boot_id, _, host = _here()
    return identity is not None and identity.host == host and identity.boot_id != boot_id


def elsewhere(identity: Identity | None) -> bool:
    """Whether that process is, or was, one of another machine."""
    boot_id, _, host = _here()
    return identity is not None and identity.boot_id != boot_id and identity.host != host


def send_signal(identity: Identity | None, number: int, *, group: bool = False) -> bool:
    """Signal that very process, or with ``group`` the process group that it leads; a recycled pid never.

    Returns whether it was sent. Raises PermissionError for a process of somebody else.
    """
    if identity is None:
        return False
    try:
        # The handle pins the process: between the check and the signal the pid cannot come to mean another.
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if is_alive(identity) is not True:
            return False
        if group:
            os.killpg(identity.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _start_time(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name in parentheses may itself hold spaces and parentheses; the fields follow its last one.
    fields = stat[stat.rfind(b")") + 2 :].split()
    state = fields[0]
    return None if state in (b"Z", b"X") else int(fields[19])


def _hidden(pid: int) -> bool:
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


@cache
def _here() -> tuple[str, str, str]:
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot_id = ""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return boot_id, namespace, socket.gethostname()
