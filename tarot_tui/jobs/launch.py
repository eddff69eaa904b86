"""Start a job so that it outlives whoever started it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tarot_tui
from tarot_tui.errors import Refused, TarotError
from tarot_tui.jobs import files, status
from tarot_tui.jobs.identity import is_alive
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.process import SHARE
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.worker import VARIABLE
from tarot_tui.locale import _, language
from tarot_tui.text import one_line

#: Exit code with which a supervisor says that another one has, or had, the folder.
BUSY = 3
_HANDSHAKE_SECONDS = 60


class Busy(Refused):
    """Somebody else has started the job."""


def start(folder: Path) -> Status:
    """Start the supervisor of ``folder`` in a session of its own and return once it holds the job
    and the worker runs.

    A worker that still runs without a supervisor is adopted; otherwise a new attempt begins.
    Raises BadInput for a broken ``job.yaml``, Busy when the job is already running, Refused when it may only be read,
    TarotError when the supervisor does not come up.
    """
    folder = folder.absolute()
    read_spec(folder)
    seen = status.read(folder).attempt
    refuse_if_running(folder)
    with refused_to_readers(folder):
        log = os.open(folder / files.SUPERVISOR_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # -P: started inside the job folder, Python must not import what happens to lie there.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tarot_tui.jobs.supervisor", str(folder), str(seen)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
            cwd=folder,
            env=environment(),
        )
    finally:
        os.close(log)
    # What we started only forks the supervisor, waits for its word, and ends with it as the exit code.
    try:
        code = process.wait(_HANDSHAKE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise TarotError(
            _("The supervisor of {job} did not come up within {seconds} s; see {log}.").format(
                job=folder.name, seconds=_HANDSHAKE_SECONDS, log=folder / files.SUPERVISOR_LOG
            )
        ) from None
    if code == BUSY:
        raise Busy(_already_running(folder))
    if code:
        said = last_lines(folder / files.SUPERVISOR_LOG, 1)
        raise TarotError(
            _("The supervisor of {job} could not start: {reason}; see {log}.").format(
                job=folder.name,
                reason=one_line(said[0]) if said else "?",
                log=folder / files.SUPERVISOR_LOG,
            )
        )
    return status.read(folder)


def refuse_if_running(folder: Path) -> None:
    """Raise Busy when a supervisor holds the job, Refused when its worker goes on alone where we cannot take it over."""
    found = status.read(folder)
    if found.alive and found.supervised:
        raise Busy(_already_running(folder))
    if found.alive and found.worker and is_alive(found.worker) is None:
        raise Refused(
            _("{job} goes on at {host} without its supervisor: resume it there, or stop it first.").format(
                job=folder.name, host=one_line(found.worker.host, 60)
            )
        )


@contextmanager
def refused_to_readers(folder: Path) -> Iterator[None]:
    """Raise Refused where the block may not write into a job's folder, which is somebody else's or on a read-only disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise Refused(
            _("You may only read {job}: it is not yours, or its disk is read-only.").format(job=folder.name)
        ) from None


def _already_running(folder: Path) -> str:
    return _("{job} is already running: watch it with 'tarot-tui watch {job}'.").format(job=folder.name)


def environment() -> dict[str, str]:
    """The launcher's environment for a process that outlives it, with nothing in it that depends on the launcher's working directory."""
    path = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    home = Path(tarot_tui.__file__).resolve().parent.parent
    if home.name not in ("site-packages", "dist-packages"):
        # A source tree that was imported from the working directory would not be found from the job folder.
        path.append(str(home))
    environment = {**os.environ, "TAROT_TUI_LANG": language()}
    for name in (VARIABLE, SHARE):  # a job that starts another one is not that other one's worker
        environment.pop(name, None)
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path))
    return environment
