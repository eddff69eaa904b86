"""Runs that wait for their turn: for a GPU that nobody uses, or for another run.

The queue is the file ``jobs/queue.json``, in order; each entry is a job folder that is ready to start. It survives a
reboot, and any login may change it. One runner a project (:mod:`tarot_tui.jobs.queue_runner`) starts what can start.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.jobs import daemon, files, gpus, identity, launch, status
from tarot_tui.jobs.identity import Identity
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import named
from tarot_tui.locale import _
from tarot_tui.project import Project

FILE = "queue.json"
#: Held while the file is being changed, and as long as a runner lives.
LOCK, RUNNER = ".queue.lock", ".queue.runner"
#: Who the runner is.
RUNNER_IS = ".queue.runner.json"
LOG = "queue.log"


@dataclass(frozen=True)
class Entry:
    """One run that waits. job, after: names of job folders. attempt: how often it had been started when it was added.

    gpus: how many it needs; 0 for the CPU. problem: why it could not be started; it then waits for somebody's hand.
    """

    job: str
    after: str | None = None
    gpus: int = 0
    attempt: int = 0
    problem: str = ""


def entries(project: Project) -> list[Entry]:
    """What waits, in the order of its turn. Never raises: a damaged file is an empty queue."""
    found = files.read_json(project.jobs / FILE).get("entries")
    return [entry for value in found if (entry := _entry(value))] if isinstance(found, list) else []


def add(project: Project, job: Path, after: str | None = None) -> Entry:
    """Let ``job`` wait at the end of the queue; ``after``: until the job of that name has finished.

    A job that was stopped, failed or got lost is resumed when its turn comes. Raises Refused when it runs, is finished,
    or waits already, or for itself; BadInput for a broken ``job.yaml``.
    """
    found = status.read(job)
    if found.alive or found.state == "finished":
        raise Refused(_("{job} is {state}: it needs no queue.").format(job=job.name, state=named(found)))
    if after == job.name:
        raise BadInput(_("{job} cannot wait for itself.").format(job=job.name))
    entry = Entry(job.name, after, gpus_of(read_spec(job)), found.attempt)
    with changing(project) as queue:
        if any(one.job == job.name for one in queue):
            raise Refused(_("{job} is in the queue already.").format(job=job.name))
        if after and _waits_for(queue, after, job.name):
            raise BadInput(
                _("{job} and {after} would wait for each other.").format(job=job.name, after=after)
            )
        queue.append(entry)
    return entry


def move(project: Project, job: str, place: int) -> None:
    """Give ``job`` another place, 1 for the first. Raises BadInput when it does not wait."""
    with changing(project) as queue:
        entry = _of(queue, job)
        queue.remove(entry)
        # Whoever moves one that could not be started wants it tried again.
        queue.insert(max(place - 1, 0), dataclasses.replace(entry, problem=""))


def take_out(project: Project, job: str) -> None:
    """Let ``job`` wait no more; its folder stays. Raises BadInput when it does not wait."""
    with changing(project) as queue:
        queue.remove(_of(queue, job))


@contextmanager
def changing(project: Project) -> Iterator[list[Entry]]:
    """The queue as a list that may be changed, and is written when the block ends; others wait that long."""
    import fcntl

    project.jobs.mkdir(exist_ok=True)
    with open(project.jobs / LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = entries(project)
        queue = list(before)
        yield queue
        if queue != before:
            kept = [dataclasses.asdict(entry) for entry in queue]
            files.write_json(project.jobs / FILE, {"entries": kept}, durable=True)


def not_ready(project: Project, entry: Entry) -> str:
    """Why ``entry`` could not start even on an idle machine, in one sentence; empty when it could."""
    if entry.problem:
        return entry.problem
    if not entry.after:
        return ""
    if not (project.jobs / entry.after).is_dir():
        return _("{job} does not exist any more: take this one out, and add it again.").format(
            job=entry.after
        )
    found = status.read(project.jobs / entry.after)
    if found.state == "finished":
        return ""
    return _("waits for {job}, which is {state}").format(job=entry.after, state=named(found))


def no_room(project: Project, entry: Entry) -> str:
    """What ``entry`` needs and somebody else uses now, in one sentence; empty when there is room."""
    if entry.gpus:
        return (
            ""
            if gpus.free(project, entry.gpus)
            else _("waits for {count} free GPUs").format(count=entry.gpus)
        )
    busy = _on_the_cpu(project)
    return _("waits for {job}: one at a time on the CPU").format(job=busy) if busy else ""


def gpus_of(spec: dict[str, Any]) -> int:
    """How many GPUs a job's environment gives it; 0 for the CPU."""
    shown = str((spec.get("env") or {}).get("CUDA_VISIBLE_DEVICES") or "")
    return len([name for name in shown.split(",") if name.strip()])


def runs(project: Project) -> bool:
    """Whether a runner looks after this project's queue, on any machine that shares the folder."""
    alive = identity.is_alive(runner(project))
    if alive is not None:
        return alive
    # On another machine: only the lock can tell. Here it is not touched, lest a runner that just starts finds it held.
    handle = daemon.lock(project.jobs / RUNNER)
    if handle is None:
        return True
    daemon.unlock(handle)
    return False


def runner(project: Project) -> Identity | None:
    """The latest runner of the queue, alive or not."""
    return identity.from_dict(files.read_json(project.jobs / RUNNER_IS))


def ensure_runner(project: Project) -> bool:
    """Start the runner unless there is one; whether it was started. It ends when nothing waits any more.

    Raises TarotError when it does not come up.
    """
    log = os.open(project.jobs / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        code = subprocess.run(
            [sys.executable, "-P", "-m", "tarot_tui.jobs.queue_runner", str(project.root.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=project.jobs,
            env=launch.environment(),
            timeout=60,
        ).returncode
    except subprocess.TimeoutExpired:
        code = 1
    finally:
        os.close(log)
    if code not in (0, launch.BUSY):
        raise TarotError(_("The queue's runner did not come up; see {log}.").format(log=project.jobs / LOG))
    return code == 0


def _on_the_cpu(project: Project) -> str:
    """The name of a training that runs on this project's CPU; empty when there is none."""
    from tarot_tui.jobs.find import all_jobs

    for folder in reversed(all_jobs(project, "train")):
        if status.read(folder).alive and not gpus_of(read_spec(folder)):
            return folder.name
    return ""


def _waits_for(queue: list[Entry], job: str, wanted: str) -> bool:
    chain = {entry.job: entry.after for entry in queue}
    seen: set[str] = set()
    while job and job not in seen:
        if job == wanted:
            return True
        seen.add(job)
        job = chain.get(job) or ""
    return False


def _of(queue: list[Entry], job: str) -> Entry:
    for entry in queue:
        if entry.job == job:
            return entry
    raise BadInput(_("{job} is not in the queue.").format(job=job))


def _entry(value: Any) -> Entry | None:
    if not isinstance(value, dict) or not isinstance(value.get("job"), str):
        return None
    # A name from a file is not to lead out of jobs/.
    names = [value["job"], value.get("after")]
    if any(name is not None and (not isinstance(name, str) or Path(name).name != name) for name in names):
        return None
    whole = {key: value.get(key) for key in ("gpus", "attempt")}
    numbers = {key: number if isinstance(number, int) else 0 for key, number in whole.items()}
    return Entry(value["job"], value.get("after"), problem=str(value.get("problem") or ""), **numbers)
