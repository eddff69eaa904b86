"""Which GPUs nobody uses: neither a job of this project nor anybody else on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import hardware, identity, nodes, status
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.spec import read_spec
from tarot_tui.project import Project

#: A GPU with less of its memory in use than this share is free if no process is seen on it either. Containers hide
#: processes from NVML, never memory; the driver itself keeps some hundred megabytes.
IDLE_SHARE = 0.05
_FIRST_READING_SECONDS = 10.0


def free(project: Project, count: int) -> list[str] | None:
    """The indices, as CUDA_VISIBLE_DEVICES takes them, of ``count`` free GPUs; None when there are not so many."""
    taken = claimed(project)
    found = [name for gpu in readings() if (name := str(gpu.get("index"))) not in taken and is_idle(gpu)]
    return found[:count] if len(found) >= count else None


def busy(project: Project) -> set[str]:
    """The indices of the GPUs that somebody uses, as far as can be seen."""
    return claimed(project) | {str(gpu.get("index")) for gpu in readings() if not is_idle(gpu)}


def is_idle(gpu: dict[str, Any]) -> bool:
    """Whether a reading (:func:`tarot_tui.jobs.hardware.sample`) shows a GPU that nobody uses; in doubt not."""
    used, total = gpu.get("mem_used"), gpu.get("mem_total")
    if gpu.get("stale") or used is None or not total:
        return False
    return not gpu.get("processes") and used / total < IDLE_SHARE


def claimed(project: Project) -> set[str]:
    """The GPUs that the project's living jobs were given on this machine, also those not touched yet.

    By the names that CUDA_VISIBLE_DEVICES has for them.
    """
    taken: set[str] = set()
    for job in all_jobs(project):
        shares = {job / nodes.FOLDER / str(rank): share for rank, share in nodes.read(job).items()}
        for folder, found in {job: status.read(job), **shares}.items():
            if found.alive and not identity.elsewhere(found.supervisor):
                taken |= _given(folder)
    return taken


def _given(folder: Path) -> set[str]:
    try:
        shown = str((read_spec(folder).get("env") or {}).get("CUDA_VISIBLE_DEVICES") or "")
    except BadInput:
        return set()
    return {name.strip() for name in shown.split(",") if name.strip()}


def readings() -> list[dict[str, Any]]:
    """What every GPU reads now (:func:`tarot_tui.jobs.hardware.sample`); none where none answers within ten seconds."""
    # The first one is taken in a thread of its own, and a driver that hangs must not hang the queue.
    deadline = time.monotonic() + _FIRST_READING_SECONDS
    while not (found := hardware.gpus()) and hardware.has_gpus() and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
