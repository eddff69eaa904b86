"""The one process a project that starts waiting runs when their turn comes: ``python -m tarot_tui.jobs.queue_runner DIR``.

It outlives every terminal as a supervisor does, and ends when nothing waits. Killed at any moment nothing is lost: what it
has started is told from what it has not by the jobs themselves.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.jobs import daemon, files, gpus, identity, launch, queue, status
from tarot_tui.jobs.queue import Entry
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.project import Project

_SECONDS_BETWEEN_LOOKS = 2.0


def run_queue(project: Project) -> None:
    """Start what can start, again and again, until nothing waits that could start without somebody's hand."""
    while True:
        with suppress(OSError):  # a full disk, say: the next look may find more room
            drop_started(project)
        if not any(not entry.problem for entry in queue.entries(project)):
            return
        entry = next_to_start(project)
        if not entry or not _started(project, entry):
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        _reap()


def next_to_start(project: Project) -> Entry | None:
    """The first that can start now. Nobody overtakes one that waits for the same: GPUs, where many small ones would
    starve it, or the CPU, which may become free between two looks.
    """
    awaited: set[bool] = set()
    for entry in queue.entries(project):
        on_gpus = entry.gpus > 0
        if queue.not_ready(project, entry) or on_gpus in awaited:
            continue
        if not queue.no_room(project, entry):
            return entry
        awaited.add(on_gpus)
    return None


def drop_started(project: Project) -> None:
    """Take out what was started since it was added, is finished, or is gone."""
    with queue.changing(project) as entries:
        entries[:] = [entry for entry in entries if _still_waits(project, entry)]


def _still_waits(project: Project, entry: Entry) -> bool:
    folder = project.jobs / entry.job
    if not (folder / files.SPEC).is_file():
        return False
    found = status.read(folder)
    return not found.alive and found.state != "finished" and found.attempt <= entry.attempt


def _started(project: Project, entry: Entry) -> bool:
    """Start one job and write down how that went; false when somebody else is just starting it, whom to wait for."""
    try:
        _record(project, entry.job, _start(project, entry))
    except launch.Busy:
        return False
    return True


def _start(project: Project, entry: Entry) -> str:
    """Start one job on GPUs that are free now; why that failed, or nothing. Raises :class:`.launch.Busy`."""
    folder = project.jobs / entry.job
    try:
        if entry.gpus:
            # Chosen now: those that were free when the run was planned may be in use.
            chosen = ",".join(gpus.free(project, entry.gpus) or [])
            rewrite(folder, env={**(read_spec(folder).get("env") or {}), "CUDA_VISIBLE_DEVICES": chosen})
        launch.start(folder)
    except launch.Busy:
        raise
    except (TarotError, OSError) as error:
        return str(error)
    print(time.strftime("%F %T"), entry.job, flush=True)
    return ""


def _record(project: Project, job: str, problem: str) -> None:
    with queue.changing(project) as entries:
        for at, entry in enumerate(entries):
            if entry.job == job:
                entries[at : at + 1] = [dataclasses.replace(entry, problem=problem)] if problem else []


def _reap() -> None:
    # The supervisors that we started come back to us as children when they end.
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(argv: list[str]) -> int:
    """Run the queue of the project ``argv[0]``, unless somebody else does."""
    project = Project(Path(argv[0]).absolute())
    launcher = daemon.detach()
    os.chdir(project.jobs)
    handle = daemon.lock(project.jobs / queue.RUNNER)
    if handle is not None:
        files.write_json(project.jobs / queue.RUNNER_IS, dataclasses.asdict(identity.of(os.getpid())))
    launcher.tell(launch.BUSY if handle is None else 0)
    while handle is not None:
        try:
            run_queue(project)
        finally:
            daemon.unlock(handle)
        # Whoever added a run in the last moment found us alive and relied on us.
        if not any(not entry.problem for entry in queue.entries(project)):
            break
        handle = daemon.lock(project.jobs / queue.RUNNER)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
