"""Which job is meant."""

from __future__ import annotations

import re
from pathlib import Path

from tarot_tui.errors import BadInput
from tarot_tui.jobs.files import SPEC
from tarot_tui.jobs.spec import kind_of
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

_STAMP = re.compile(r"\d{8}-\d{6}-")


def all_jobs(project: Project, kind: str | None = None) -> list[Path]:
    """The folders of the project's jobs, oldest first; with ``kind`` only those of that kind."""
    if not project.jobs.is_dir():
        return []
    found = sorted(folder for folder in project.jobs.iterdir() if (folder / SPEC).is_file())
    return found if kind is None else [folder for folder in found if kind_of(folder) == kind]


def resolve(project: Project, ref: str, kind: str | None = None) -> Path:
    """The job that ``ref`` means: its folder's name or path, a unique prefix of it, its slug, or ``-1``, ``-2`` …

    ``-1`` is the latest. Raises BadInput that says what there is.
    """
    jobs = all_jobs(project, kind)
    if not jobs:
        raise BadInput(
            _("There are no runs in {folder} yet: 'tarot-tui train' starts one.").format(folder=project.root)
        )
    if re.fullmatch(r"-\d{1,6}", ref):
        if not 1 <= -int(ref) <= len(jobs):
            raise BadInput(
                _("There are only {count} runs: {ref} is none of them.").format(count=len(jobs), ref=ref)
            )
        return jobs[int(ref)]
    name = ref.rstrip("/").rpartition("/")[2]
    exact = [job for job in jobs if job.name == name]
    by_slug = [job for job in jobs if slug(job) == name]
    by_prefix = [job for job in jobs if name and (job.name.startswith(name) or slug(job).startswith(name))]
    candidates = exact or by_slug or by_prefix
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise BadInput(
            _("'{ref}' can mean {names}: write more of it.").format(
                ref=one_line(ref, 80), names=_listed(candidates)
            )
        )
    raise BadInput(
        _("There is no run '{ref}'; the latest are {names}.").format(
            ref=one_line(ref, 80), names=_listed(jobs)
        )
    )


def slug(folder: Path) -> str:
    """A job's name without the date in front: ``try-it``."""
    return _STAMP.sub("", folder.name, count=1)


def _listed(jobs: list[Path]) -> str:
    return ", ".join(one_line(job.name, 80) for job in reversed(jobs[-5:]))
