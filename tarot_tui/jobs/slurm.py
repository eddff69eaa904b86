"""A job that Slurm runs: submitted with sbatch, followed with squeue, taken back with scancel.

``slurm.json`` beside ``job.yaml``: ``id``, ``submitted`` (seconds since the epoch), ``cancelled`` (the same). What runs
there is the job's own supervisor, so a running job is like any other; here is what to say of one that waits.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.errors import Refused, TarotError
from tarot_tui.jobs import files
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.jobs.status import Status

FILE = "slurm.json"
SCRIPT = "slurm.sh"
OUTPUT = "slurm.out"
#: Exit code of the work for "told to end in time, and saved": the script then gives the job back to Slurm.
REQUEUE = 75

_SECONDS = 10.0
#: How long an answer of squeue holds: clusters ask not to be asked every second.
_FRESH = 10.0
_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED"}
_HERE = {"CONFIGURING", "RUNNING"}

_asked: dict[str, tuple[float, Place | None]] = {}


@dataclass(frozen=True)
class Place:
    """Where a job is in Slurm. state: Slurm's word, empty when it no longer has it. reason: why it waits. nodes: of it."""

    state: str
    reason: str = ""
    nodes: str = ""

    @property
    def waits(self) -> bool:
        """Whether it has yet to be started, or started again."""
        return self.state in _WAITING

    @property
    def begins(self) -> bool:
        """Whether it has its machines, and our supervisor may have begun or not."""
        return self.state in _HERE


def is_slurms(folder: Path) -> bool:
    """Whether Slurm runs this job."""
    return (folder / FILE).exists()


def number(folder: Path) -> str:
    """Slurm's number of the job; empty without any."""
    return str(files.read_json(folder / FILE).get("id") or "")


def submit(folder: Path) -> str:
    """Give the job's ``slurm.sh`` to sbatch and return Slurm's number of it.

    Raises Refused when it waits or runs there already or there is no Slurm here, TarotError with sbatch's own words when
    it does not take it.
    """
    from tarot_tui.jobs.launch import environment

    found = place(folder)
    if found and (found.waits or found.begins):
        raise Refused(_("{job} is in Slurm already, as job {id}.").format(job=folder.name, id=number(folder)))
    said = _run(["sbatch", "--parsable", SCRIPT], folder, environment())
    if said is None:
        raise Refused(_("There is no sbatch here: submit it from a machine of the cluster."))
    if said.returncode:
        raise TarotError(_("Slurm did not take it: {reason}").format(reason=one_line(said.stderr, 300)))
    # sbatch(1): "the job id number and the cluster name if present", separated by a semicolon.
    if not (found_id := re.match(r"\d+", said.stdout.strip())):
        raise TarotError(
            _("sbatch did not say the number of the job, but: {words}").format(
                words=one_line(said.stdout, 200)
            )
        )
    taken = found_id[0]
    files.write_json(folder / FILE, {"id": taken, "submitted": time.time()}, durable=True)
    files.append_event(folder, "slurm", id=taken)
    _asked.pop(taken, None)
    return taken


def cancel(folder: Path) -> None:
    """Take a job that waits, or only begins, out of Slurm. Raises TarotError when Slurm refuses."""
    told = files.read_json(folder / FILE)
    said = _run(["scancel", number(folder)], folder)
    if said is None or said.returncode:
        reason = one_line(said.stderr, 300) if said else _("there is no scancel here")
        raise TarotError(_("Slurm did not take it back: {reason}").format(reason=reason))
    files.write_json(folder / FILE, {**told, "cancelled": time.time()}, durable=True)
    _asked.pop(number(folder), None)


def place(folder: Path) -> Place | None:
    """Where the job is in Slurm, some seconds old at most; None when it was never submitted or Slurm cannot be asked."""
    wanted = number(folder)
    if not wanted:
        return None
    when, found = _asked.get(wanted, (float("-inf"), None))
    if time.monotonic() - when > _FRESH:
        found = _look(wanted, folder)
        _asked[wanted] = (time.monotonic(), found)
    return found


def judged(found: Status, folder: Path) -> Status:
    """``found``, the status of a job that nobody supervises now, by what Slurm says of it."""
    there = place(folder)
    if there is None:
        return found
    if there.waits:
        why = there.reason if there.reason not in ("", "None") else there.state
        reason = _("Slurm job {id} waits: {reason}.").format(id=number(folder), reason=why)
        return dataclasses.replace(found, state="queued", cause="slurm", reason=reason, ended=None)
    if there.begins:
        reason = _("Slurm job {id} begins on {nodes}.").format(id=number(folder), nodes=there.nodes)
        return dataclasses.replace(found, state="starting", cause="slurm", reason=reason, ended=None)
    if found.state != "queued":
        return found
    if files.read_json(folder / FILE).get("cancelled"):
        reason = _("Taken out of Slurm's queue: resume submits it again.")
        return dataclasses.replace(found, state="stopped", cause="stopped", reason=reason)
    reason = _("Slurm no longer has job {id}, which never began: see {file}, and resume.").format(
        id=number(folder), file=OUTPUT
    )
    return dataclasses.replace(found, state="lost", cause="slurm", reason=reason)


def _look(wanted: str, folder: Path) -> Place | None:
    # %T the state, %r the reason, %N the nodes: squeue(1).
    said = _run(["squeue", "--noheader", "--jobs", wanted, "--format", "%T|%r|%N"], folder)
    if said is None:
        return None
    if said.returncode:
        return Place("") if "Invalid job id" in said.stderr else None
    line = one_line((said.stdout.splitlines() or [""])[0], 200)
    return Place(*(line.split("|", 2) + ["", ""])[:3])


def _run(
    argv: list[str], folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str] | None:
    """What a command of Slurm's said; None when there is none here, or it does not answer."""
    try:
        return subprocess.run(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
