"""Runs as a table: one line each, a cursor, marks. Draws only the lines that changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual import events
from textual.message import Message

from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.tui.keys import LIST, bindings
from tarot_tui.tui.spans import Runs
from tarot_tui.tui.table_lines import columns, heading, here, row
from tarot_tui.tui.widgets.lines import Lines


class RunTable(Lines, can_focus=True):
    """Shows the runs it is given; the one under the cursor stays under it when others come or go."""

    PREFIX = "runs"
    KEYS = LIST
    BINDINGS = bindings(LIST)
    COMPONENT_CLASSES = {
        *(f"runs--{role}" for role in ("head", "label", "good", "doubt", "bad", "bar", "track", "mark")),
        *(f"runs--{role}-here" for role in ("", "label", "good", "doubt", "bad", "bar", "track", "mark")),
    }
    DEFAULT_CSS = """
    RunTable { height: 1fr; min-height: 2; }
    RunTable .runs--head { color: $text-muted; text-style: bold; }
    RunTable .runs--label { color: $text-muted; }
    RunTable .runs--mark { color: $text-accent; text-style: bold; }
    RunTable .runs--bar { color: $primary; }
    RunTable .runs--track { color: $text-disabled; }
    RunTable .runs--good { color: $success; }
    RunTable .runs--doubt { color: $warning; }
    RunTable .runs--bad { color: $error; text-style: bold; }
    RunTable .runs---here, RunTable .runs--label-here { background: $panel; text-style: bold; }
    RunTable .runs--mark-here { background: $panel; color: $text-accent; text-style: bold; }
    RunTable .runs--bar-here { background: $panel; color: $primary; }
    RunTable .runs--track-here { background: $panel; color: $text-disabled; }
    RunTable .runs--good-here { background: $panel; color: $success; text-style: bold; }
    RunTable .runs--doubt-here { background: $panel; color: $warning; text-style: bold; }
    RunTable .runs--bad-here { background: $panel; color: $error; text-style: bold; }
    """

    class Moved(Message):
        """Another run is under the cursor, or another is marked."""

    class Opened(Message):
        """The run under the cursor was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._runs: Sequence[Snapshot] = ()
        self._top = 0
        self._at = 0
        #: The folders of the marked runs.
        self.marked: set[Path] = set()

    def show(self, runs: Sequence[Snapshot]) -> None:
        """Show these."""
        here = self.current.folder if self.current else None
        self._runs = runs
        folders = [one.folder for one in runs]
        self.marked &= set(folders)
        self._go(folders.index(here) if here in folders else min(self._at, max(len(runs) - 1, 0)))

    @property
    def current(self) -> Snapshot | None:
        """The run under the cursor; None when there is none at all."""
        return self._runs[self._at] if self._at < len(self._runs) else None

    @property
    def chosen(self) -> list[Snapshot]:
        """The marked runs, or the one under the cursor when none is."""
        marked = [one for one in self._runs if one.folder in self.marked]
        return marked or ([self.current] if self.current else [])

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """A heading, then the runs that fit."""
        room = max(height - 1, 1)
        self._top = max(min(self._top, self._at), self._at - room + 1, 0)
        shown = self._runs[self._top : self._top + room]
        layout = columns(width)
        rows = [row(one, layout, width, one.folder in self.marked) for one in shown]
        at = self._at - self._top
        if at < len(rows):
            rows[at] = here(rows[at])
        return [heading(layout, width), *rows]

    def _go(self, at: int) -> None:
        self._at = max(0, min(at, len(self._runs) - 1))
        self.renew()
        self.post_message(self.Moved())

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._go(self._at + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by as many rows as are shown."""
        self._go(self._at + pages * max(self.size.height - 2, 1))

    def action_first(self) -> None:
        """Go to the first run."""
        self._go(0)

    def action_last(self) -> None:
        """Go to the last run."""
        self._go(len(self._runs) - 1)

    def toggle_mark(self) -> None:
        """Mark the run under the cursor, or take the mark away, and go on to the next."""
        if self.current:
            self.marked ^= {self.current.folder}
            self._go(self._at + 1)

    def on_click(self, event: events.Click) -> None:
        """Go to the clicked run; a second click opens it."""
        at = self._top + event.y - 1
        if event.y and at < len(self._runs):
            if at == self._at or event.chain > 1:
                self.post_message(self.Opened())
            self._go(at)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """A row a notch."""
        event.stop()
        self._go(self._at - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """A row a notch."""
        event.stop()
        self._go(self._at + 1)
