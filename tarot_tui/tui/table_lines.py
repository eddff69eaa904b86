"""Runs as the lines of a table: a heading, and a line for each. No Textual here."""

from __future__ import annotations

import time

from rich.cells import set_cell_size

from tarot_tui.jobs.find import slug
from tarot_tui.jobs.listing import done, loss_of, time_of
from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.jobs.status import named
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.tui.spans import Runs, bar, cut, fit, width_of

_ROLES = {"finished": "good", "running": "good", "failed": "bad", "lost": "bad", "queued": "label"}
#: Cells of the progress bar, where there is room for one.
_BAR = 8


def columns(width: int) -> list[tuple[str, int]]:
    """(heading, cells) of each column of a table of so many cells, in their order; the name has what is left."""
    columns = [(_("kind"), 8), (_("state"), 10), (_("done"), 13), (_("loss"), 8), (_("time"), 18)]
    if width >= 120:
        columns.insert(2, ("", _BAR + 1))
        columns.append((_("started"), 12))
    if width < 76:
        del columns[0]
    if width < 66:
        del columns[-1]
    return columns


def heading(columns: list[tuple[str, int]], width: int) -> Runs:
    """The names of the columns."""
    room = width - sum(cells for _name, cells in columns) - 3
    names = ["  " + _fill(_("name"), room + 1), *(_fill(name, cells) for name, cells in columns)]
    return fit([("head", name) for name in names], width)


def here(line: Runs) -> Runs:
    """A line with the cursor on it."""
    return [(f"{role}-here", text) for role, text in line]


def row(one: Snapshot, columns: list[tuple[str, int]], width: int, marked: bool = False) -> Runs:
    """One run."""
    room = max(width - sum(cells for _name, cells in columns) - 3, 4)
    status = one.status
    share = status.step / status.total if status.step is not None and status.total else None
    values: dict[str, Runs] = {
        _("kind"): [("label", one.kind)],
        _("state"): [(_ROLES.get(status.state, "doubt"), named(status))],
        "": bar(share, _BAR, "bar") if share is not None and status.alive else [("", "")],
        _("done"): [("", done(status))],
        _("loss"): [("", loss_of(one) if one.kind == "train" else "")],
        _("time"): [("", time_of(one))],
        _("started"): [("label", _begun(one))],
    }
    line: Runs = [
        ("mark", "* " if marked else "  "),
        ("", _fill(one_line(slug(one.folder), 200), room) + " "),
    ]
    for name, cells in columns:
        value = fit(values[name], cells - 1)
        line += [*value, ("", " ")]
    return fit(line, width) if width_of(line) != width else line


def _begun(one: Snapshot) -> str:
    if one.status.started is None:
        return ""
    return time.strftime("%m-%d %H:%M", time.localtime(one.status.started))


def _fill(text: str, cells: int) -> str:
    return set_cell_size(cut(text, cells), max(cells, 0))
