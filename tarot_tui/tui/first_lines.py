"""What is known of each screen before it is there, for :mod:`tarot_tui.tui.first_frame`. No Textual here.

Made of the very lines that the widgets show later, in the same cells. Only what a few small files say, or the end of a long
one: for what may take long, such as asking Slurm, the screens have threads.
"""

from __future__ import annotations

import time
from itertools import islice, takewhile
from pathlib import Path

from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.tui.first_frame import Line, Look
from tarot_tui.tui.spans import Runs, flow, width_of

# What only one of the screens needs is imported there: the start of another does not wait for it.

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
#: As in those of :class:`tarot_tui.tui.widgets.run_table.RunTable`, and of the caption above it.
_TABLE = {
    "name": Look("text-primary", bold=True),
    "head": Look("text-muted", bold=True),
    "label": Look("text-muted"),
    "bar": Look("primary"),
    "track": Look("text-disabled"),
    "good": Look("success"),
    "doubt": Look("warning"),
    "bad": Look("error", bold=True),
}
_HERE = {role: look._replace(ground="panel") for role, look in _TABLE.items() if role in ("bar", "track")}
_HERE |= {role: Look(_TABLE[role].color, True, "panel") for role in ("good", "doubt", "bad")}
_HERE |= {role: Look(bold=True, ground="panel") for role in ("", "label", "mark")}
_TABLE |= {f"{role}-here": look for role, look in _HERE.items()}
#: As in those of the wizard's steps: the title, and the rail.
_PANE = {"name": Look("primary", bold=True), "label": Look("text-muted")}
_RAIL = {
    "name": Look("primary", True, "panel"),
    "note": Look("text-muted", False, "panel"),
    "here": Look("stage-active", True, "panel"),
    "done": Look("stage-done", False, "panel"),
    "todo": Look("stage-todo", False, "panel"),
}


def run(folder: Path, width: int, height: int) -> list[Line]:
    """Of the live view of a run: what it is and how it is, how far it has come, when it will be done."""
    from tarot_tui.jobs import foreign, slurm
    from tarot_tui.jobs.look import status_of
    from tarot_tui.jobs.snapshot import elapsed, eta
    from tarot_tui.jobs.spec import read_head
    from tarot_tui.tui.head_lines import progress_line, times, title_line

    if slurm.is_slurms(folder):
        return []
    found, room = status_of(folder), width - 2
    others = foreign.is_foreign(folder)
    title = foreign.title(folder) if others else str(read_head(folder).get("title") or folder.name)
    runs = [title_line(one_line(title, 80), found, folder.name, room), progress_line(found, room)]
    runs += flow(times(found, elapsed(found), eta(found), time.time()), room, 2)[:1]
    return _placed(1, 0, runs, _HEAD)


def runs(project: Project, width: int, height: int) -> list[Line]:
    """Of the list of runs: those that fit."""
    from tarot_tui.jobs import slurm
    from tarot_tui.jobs.find import all_jobs
    from tarot_tui.jobs.snapshot import snapshot
    from tarot_tui.tui.table_lines import columns, heading, here, row

    room = width - 2
    layout = columns(room)
    folders = islice(reversed(all_jobs(project)), max(height - 4, 0))
    shown = [snapshot(folder) for folder in takewhile(lambda folder: not slurm.is_slurms(folder), folders)]
    rows = [row(one, layout, room) for one in shown]
    if rows:
        at = next((at for at, one in enumerate(shown) if one.status.alive), 0)
        rows[at] = here(rows[at])
    lines: list[Runs] = [[("name", _("Runs"))], heading(layout, room), *rows]
    return _placed(1, 0, lines, _TABLE)


def step(project: Project, width: int, height: int) -> list[Line]:
    """Of the wizard: the rail, and which step this is."""
    from tarot_tui.tui import steps
    from tarot_tui.tui.rail_lines import rail_lines

    current, wide = steps.left_at(project), width >= 110
    left, top, rail = (2, 1, 28) if wide else (1, 0, 17)
    blank = [Line(0, y, [(Look(ground="panel"), " " * rail)]) for y in range(height - 1)]
    lines = rail_lines(project.root.resolve().name, steps.marks(project), current, rail - 2 * left)
    found = steps.STEPS[steps.IDS.index(current)]
    pane: list[Runs] = [[("name", _(found.title)), ("label", "  " + steps.position(current))]]
    x, room = (rail + 3, width - rail - 5) if wide else (rail + 2, width - rail - 3)
    purpose: Runs = [("label", _(found.purpose))]
    if width_of(purpose) <= room:
        pane.append(purpose)
    return [*blank, *_placed(left, top, lines, _RAIL), *_placed(x, top, pane, _PANE)]


def welcome(width: int, height: int) -> list[Line]:
    """Of the question where a project shall be."""
    words = _("From a folder of documents to your own chat model, in seven steps.")
    return _placed(4, 2, [[("name", "tarot-tui")], [("label", words)]], _PANE)


def _placed(x: int, y: int, lines: list[Runs], looks: dict[str, Look]) -> list[Line]:
    return [
        Line(x, y + row, [(looks.get(role, Look()), text) for role, text in line])
        for row, line in enumerate(lines)
    ]
