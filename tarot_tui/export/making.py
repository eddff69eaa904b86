"""The folder in which a release is made, ``models/.<name>.making/``, for one export at a time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.project import Project


def folder(project: Project, name: str) -> Path:
    """Where the release ``name`` is made."""
    return project.models / f".{name}.making"


@contextmanager
def alone(project: Project, name: str) -> Iterator[Path]:
    """Be the only one to make ``name``; its folder. Raises Refused while another job is at it."""
    project.state.mkdir(exist_ok=True)
    with open(project.state / f"export-{name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(_("'{name}' is being exported by another job.").format(name=name)) from None
        yield folder(project, name)


def forget(project: Project, job: Path) -> None:
    """Remove what ``job``, which has ended, left unfinished if it is an export, unless another goes on with it."""
    from tarot_tui.jobs import status
    from tarot_tui.jobs.spec import kind_of, read_spec

    if kind_of(job) != "export":
        return
    name = (read_spec(job).get("request") or {}).get("name")
    if status.read(job).state == "finished" or not isinstance(name, str) or Path(name).name != name:
        return
    with suppress(Refused), alone(project, name) as making:
        shutil.rmtree(making, ignore_errors=True)
