"""A job on several machines: each has its own supervisor, all share one job folder (on a file system that all see).

The first machine's supervisor owns the folder itself. Machine ``k`` has ``nodes/<k>/`` in it, with the files that a
supervisor writes: ``job.yaml``, ``status.json``, ``log.txt``, ``hardware.jsonl``. Its workers work for the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tarot_tui.jobs import files
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.status import read as read_status
from tarot_tui.project import write_text

FOLDER = "nodes"


def make(job: Path, rank: int, spec: dict[str, Any], argv: list[str], env: dict[str, str]) -> Path:
    """The folder of machine ``rank``'s share of ``job``, ready to start (again).

    spec: the job's; its grace times hold here too. argv, env: as in :func:`.spec.create`. Raises OSError.
    """
    import yaml

    folder = job / FOLDER / str(rank)
    folder.mkdir(parents=True, exist_ok=True)
    own = {"kind": "node", "title": spec.get("title"), "argv": argv, "env": env, "total": None, "request": {}}
    graces = {key: value for key, value in spec.items() if key.endswith("_grace")}
    write_text(folder / files.SPEC, yaml.safe_dump(own | graces, sort_keys=False, allow_unicode=True))
    return folder


def job_of(folder: Path) -> Path | None:
    """The job that ``folder`` is one machine's share of; None when it is a job itself."""
    found = folder.absolute()
    is_share = (
        found.parent.name == FOLDER and found.name.isdigit() and (found.parent.parent / files.SPEC).exists()
    )
    return found.parent.parent if is_share else None


def read(job: Path) -> dict[int, Status]:
    """How the other machines' shares are, by the machine's number; {} for a job on one machine."""
    folders = [entry for entry in (job / FOLDER).glob("*") if entry.name.isdigit()]
    return {
        int(folder.name): read_status(folder) for folder in sorted(folders, key=lambda one: int(one.name))
    }
