"""What is known of each screen before it is there, for :mod:`tarot_tui.tui.first_frame`. No Textual here.

Made of the very lines that the widgets show later, in the same cells. Only what a few small files say: for anything that
may take long, such as asking Slurm or reading through a long log, the screen itself has threads.
"""

from __future__ import annotations

import time
from pathlib import Path

from tarot_tui.jobs import foreign, slurm, status
from tarot_tui.jobs.snapshot import elapsed, eta
from tarot_tui.jobs.spec import read_head
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.tui.first_frame import Line, Look
from tarot_tui.tui.head_lines import progress_line, times, title_line
from tarot_tui.tui.spans import Runs, flow

#: As in the styles of :class:`tarot_tui.tui.widgets.run_head.RunHead`.
_HEAD = {
    "name": Look("text-primary", bold=True),
    "label": Look("text-muted"),
    "value": Look(bold=True),
    "bar": Look("primary"),
    "track": Look("text-disabled"),
    "good": Look("success", bold=True),
    "doubt": Look("warning", bold=True),
    "bad": Look("error", bold=True),
}


def run(folder: Path, width: int, height: int) -> list[Line]:
    """Of the live view of a run: what it is and how it is, how far it has come, when it will be done."""
    if foreign.is_foreign(folder) or slurm.is_slurms(folder):
        return []
    found, room = status.read(folder), width - 2
    title = one_line(str(read_head(folder).get("title") or folder.name), 80)
    runs = [title_line(title, found, folder.name, room), progress_line(found, room)]
    runs += flow(times(found, elapsed(found), eta(found), time.time()), room, 2)[:1]
    return [Line(1, y, _looked(line, _HEAD)) for y, line in enumerate(runs)]


def runs(project: Project, width: int, height: int) -> list[Line]:
    """Of the list of runs."""
    return []


def _looked(runs: Runs, looks: dict[str, Look]) -> list[tuple[Look, str]]:
    return [(looks.get(role, Look()), text) for role, text in runs]
