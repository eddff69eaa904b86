"""The worker of a job and everything it started: launch, watch, signal, clean up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tarot_tui.jobs import identity
from tarot_tui.jobs.identity import Identity
from tarot_tui.jobs.worker import VARIABLE
from tarot_tui.project import worker_python

#: The environment variable that names what one supervisor watches over: a job, or one machine's share of it.
SHARE = "TAROT_JOB_SHARE"
#: Seconds that helpers of an ended worker (resource trackers, loggers) have to go by themselves.
_STRAY_SECONDS = 2.0


class Worker:
    """One running worker: our child, or one that outlived its supervisor and was adopted.

    exit_status: after the end, the exit code, or minus the signal; None when it cannot be known (adopted).
    """

    def __init__(self, pid: int, who: Identity | None, *, adopted: bool = False) -> None:
        self.identity = who
        self.exit_status: int | None = None
        self._pid = pid
        # Also psutil's handle knows the start time, and is taken while the identity is known to hold.
        self._adopted = psutil.Process(pid) if adopted else None
        self._ended = False
        self._seen: list[psutil.Process] = []

    @classmethod
    def launch(cls, argv: list[str], environment: Mapping[str, str], log: Path) -> Worker:
        """Start ``argv`` in the working directory as the leader of its own session, all its output appended to ``log``.

        Its output is the file itself and not a pipe, so it goes on when we are killed. Raises OSError when the
        program cannot be started.
        """
        pid = os.posix_spawnp(
            argv[0],
            argv,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            # Python ignores these two and asks nobody; a worker must begin like any program.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            setsigmask=[],
        )
        return cls(pid, identity.of(pid))

    @classmethod
    def adopt(cls, who: Identity) -> Worker:
        """Watch over a living worker whose supervisor is gone. Raises psutil.NoSuchProcess when it just ended."""
        return cls(who.pid, who, adopted=True)

    def ended(self) -> bool:
        """Whether the worker is over; collects every descendant that is."""
        self._reap()
        if self._adopted and not self._ended:
            self._ended = identity.is_alive(self.identity) is False
        return self._ended

    def terminate(self) -> None:
        """SIGTERM to the worker's process group."""
        with suppress(PermissionError):
            identity.send_signal(self.identity, signal.SIGTERM, group=True)

    def kill(self) -> None:
        """SIGKILL to the worker and every descendant, also those in sessions of their own (ranks)."""
        for process in self.tree():
            with suppress(psutil.Error):
                process.kill()

    def tree(self) -> list[psutil.Process]:
        """The living processes of this job."""
        try:
            if self._adopted:
                found = [self._adopted, *self._adopted.children(recursive=True)]
            else:
                found = psutil.Process().children(recursive=True)
        except psutil.Error:
            found = []
        # What an adopted worker leaves behind goes to init: only those seen while it lived can be found again.
        self._seen = [process for process in {*self._seen, *found} if _lives(process)]
        return list(self._seen)

    def rss(self) -> int:
        """Resident memory of the whole tree in bytes; pages that its processes share count for each."""
        total = 0
        for process in self.tree():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def clear_strays(self) -> list[str]:
        """End what an ended worker left behind, so that none keeps memory of a GPU; names what had to be killed."""
        deadline = time.monotonic() + _STRAY_SECONDS
        while self.tree() and time.monotonic() < deadline:
            time.sleep(0.05)
            self._reap()
        killed: dict[int, str] = {}
        for _round in range(20):  # a stray may start another while it is being killed
            strays = self.tree()
            if not strays:
                break
            for process in strays:
                with suppress(psutil.Error):
                    killed[process.pid] = process.name()
                    process.kill()
            time.sleep(0.05)
            self._reap()
        self._reap()  # the last may have died after the last look
        return [f"{name} ({pid})" for pid, name in killed.items()]

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid and not self._adopted:
                self.exit_status = os.waitstatus_to_exitcode(status)
                self._ended = True


def command_of(spec: Mapping[str, Any], place: Path, job: Path) -> tuple[list[str], dict[str, str]]:
    """The command line and the whole environment of a worker in the folder ``place``, which works for ``job``."""
    words = {"{job}": str(place), "{python}": worker_python()}
    argv = []
    for word in map(str, spec["argv"]):
        for mark, value in words.items():
            word = word.replace(mark, value)
        argv.append(word)
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # The job folder is its working directory, and must not be where Python looks for modules.
        "PYTHONSAFEPATH": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **{key: str(value) for key, value in (spec.get("env") or {}).items()},
        VARIABLE: str(job),
        SHARE: str(place),
    }
    return argv, environment


def processes_of(place: Path) -> list[psutil.Process]:
    """The living processes that any attempt of the job in ``place`` started, oldest first, found by their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(SHARE) == str(place) and _lives(process):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process's working directory is ``folder``, wherever that was moved to; not so for a copy of a job's."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
