"""Taking a job's folder away for good."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.jobs import daemon, files, status
from tarot_tui.jobs.status import named
from tarot_tui.locale import _
from tarot_tui.project import Project


def check_removable(project: Project, folder: Path) -> None:
    """Raise Refused unless ``folder`` is a job of this project, in its own place, and nothing of it lives."""
    if folder.is_symlink() or folder.resolve().parent != project.jobs.resolve():
        raise Refused(
            _("{job} does not lie in {folder} itself: remove it where it lies.").format(
                job=folder.name, folder=project.jobs
            )
        )
    refuse_while_it_may_live(folder)


def refuse_while_it_may_live(folder: Path) -> None:
    """Raise Refused when the job runs, here or where it cannot be seen from here."""
    found = status.read(folder)
    if found.alive:
        raise Refused(
            _("{job} is {state}: stop it first, with 'tarot-tui stop {job}'.").format(
                job=folder.name, state=named(found)
            )
        )
    if found.cause == "silent":
        raise Refused(
            _(
                "{job} may still run on {host}: nothing was heard from there, and nothing can be seen from here."
            ).format(job=folder.name, host=found.supervisor.host if found.supervisor else "?")
        )


def remove(project: Project, folder: Path) -> None:
    """Delete a job's folder; it vanishes at once and can no longer be started meanwhile.

    Raises what :func:`check_removable` raises, and OSError.
    """
    check_removable(project, folder)
    handle = daemon.lock(folder / files.LOCK)
    if handle is None:
        raise Refused(_("{job} is just being started.").format(job=folder.name))
    try:
        doomed = folder.with_name(f".{folder.name}.removed")
        os.rename(folder, doomed)
        shutil.rmtree(doomed)
    finally:
        daemon.unlock(handle)
    for left in project.jobs.glob(".*.removed"):  # by who was interrupted at it
        shutil.rmtree(left, ignore_errors=True)


def folder_size(folder: Path) -> int:
    """Bytes of everything in ``folder``; links count as themselves."""
    total = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total
