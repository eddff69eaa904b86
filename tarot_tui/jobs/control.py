"""Asking something of a job: through files, so that any login and any machine can."""

from __future__ import annotations

import signal
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.jobs import files, identity, launch, slurm, status
from tarot_tui.jobs.foreign import is_foreign
from tarot_tui.jobs.spec import kind_of
from tarot_tui.jobs.status import Status, named
from tarot_tui.locale import _


def request(folder: Path, verb: str) -> None:
    """Ask for ``stop`` (save, then stop), ``save`` (a checkpoint, and go on) or ``kill`` (end at once).

    The supervisor carries it out. A worker without one is asked itself; killing it is then done from here.
    Raises Refused when nothing runs, and for a job that may only be read.
    """
    if verb not in files.VERBS:
        raise ValueError(verb)
    _refuse_foreign(folder)
    found = status.read(folder)
    waits = found.state == "queued" and found.cause == "slurm"
    if not found.alive and not (waits and verb != "save"):
        raise Refused(_("{job} is not running; it is {state}.").format(job=folder.name, state=named(found)))
    with launch.refused_to_readers(folder):
        if found.cause == "slurm" and verb != "save":
            slurm.cancel(folder)
        elif found.supervised:
            (folder / files.request_file(verb)).touch()
        elif verb == "kill":
            identity.send_signal(found.worker, signal.SIGKILL, group=True)
        else:
            (folder / (files.WORKER_STOP if verb == "stop" else files.WORKER_SAVE)).touch()


def resume(folder: Path) -> Status:
    """Start the job again where it left off, or take an unsupervised worker under supervision.

    What Slurm ran is submitted to it again. Raises Refused for a job that is finished, running or waiting in Slurm.
    """
    check_resumable(folder)
    if slurm.is_slurms(folder):
        slurm.submit(folder)
        return status.read(folder)
    return launch.start(folder)


def check_resumable(folder: Path) -> None:
    """Raise Refused for a job that is finished, or runs under supervision."""
    _refuse_foreign(folder)
    if status.read(folder).state == "finished":
        raise Refused(
            _(
                "{job} is finished: there is nothing left to do. 'tarot-tui continue {job}' trains its adapter further."
            ).format(job=folder.name)
            if kind_of(folder) == "train"
            else _("{job} is finished: there is nothing left to do.").format(job=folder.name)
        )
    launch.refuse_if_running(folder)


def _refuse_foreign(folder: Path) -> None:
    if is_foreign(folder):
        raise Refused(
            _("{name} was not started by tarot-tui, which can only watch it.").format(name=folder.name)
        )
