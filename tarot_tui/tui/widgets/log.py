"""The tail of a log: follows it, scrolls back, holds a bounded number of lines, and never shows a raw escape."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from rich.cells import chop_cells
from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tarot_tui.text import plain

#: Lines that are kept to scroll back to; the file has the rest.
KEPT = 4000
#: Rows that one line may fill before the rest of it is left to the file.
_ROWS_OF_A_LINE = 12


class LogView(Widget, can_focus=True):
    """Lines of a log, wrapped. Follows the end until the reader scrolls up, and again once back at the end."""

    ALLOW_SELECT = False
    BINDINGS = [
        Binding("up,k", "scroll_by(-1)", show=False),
        Binding("down,j", "scroll_by(1)", show=False),
        Binding("pageup,b", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home,g", "oldest", show=False),
        Binding("end,G", "follow", show=False),
    ]
    DEFAULT_CSS = """
    LogView { height: 1fr; min-height: 2; }
    """

    class Moved(Message):
        """The view began or stopped following, or shows another part: ``above`` rows lie below the view."""

        def __init__(self, below: int) -> None:
            super().__init__()
            self.below = below

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.clear()

    def clear(self) -> None:
        """Forget every line."""
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._rows: deque[str] = deque()
        self._rows_of: deque[int] = deque()
        self._partial = ""
        self._below = 0  # rows below the view; 0 means following
        self.refresh()

    @property
    def below(self) -> int:
        """How many rows lie below what is shown; 0 while it follows."""
        return self._below

    def extend(self, lines: Iterable[str], partial: str = "") -> None:
        """Add finished lines, and the unfinished one behind them (it replaces the last unfinished one)."""
        new = [plain(line).expandtabs(4) for line in lines]
        partial = plain(partial).expandtabs(4)
        if not new and partial == self._partial:
            return
        before = self._height
        for line in new:
            self._append(line)
        self._partial = partial
        if self._below:
            # What the reader looks at stays where it is.
            self._below = min(self._below + max(self._height - before, 0), self._limit)
            self.post_message(self.Moved(self._below))
        self.refresh()

    def _append(self, line: str) -> None:
        if len(self._lines) == self._lines.maxlen:
            for _number in range(self._rows_of.popleft()):
                self._rows.popleft()
        self._lines.append(line)
        rows = self._wrap(line)
        self._rows.extend(rows)
        self._rows_of.append(len(rows))

    def _wrap(self, line: str) -> list[str]:
        width = self.size.width
        if not line or width <= 0:
            return [line]
        return chop_cells(line, width)[:_ROWS_OF_A_LINE]

    @property
    def _tail(self) -> list[str]:
        return self._wrap(self._partial) if self._partial else []

    @property
    def _height(self) -> int:
        return len(self._rows) + len(self._tail)

    @property
    def _limit(self) -> int:
        return max(self._height - self.size.height, 0)

    def on_resize(self) -> None:
        """Wrap every line for the new width."""
        lines = list(self._lines)
        self._lines.clear()
        self._rows.clear()
        self._rows_of.clear()
        for line in lines:
            self._append(line)
        self._go(self._below)

    def render_line(self, y: int) -> Strip:
        """One row for Textual's compositor."""
        height, width, style = self.size.height, self.size.width, self.rich_style
        tail = self._tail
        count = len(self._rows) + len(tail)
        # A log shorter than the view starts at the top.
        index = y + max(count - height - self._below, 0)
        if index >= count:
            return Strip.blank(width, style)
        text = self._rows[index] if index < len(self._rows) else tail[index - len(self._rows)]
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _go(self, below: int) -> None:
        self._below = max(0, min(below, self._limit))
        self.post_message(self.Moved(self._below))
        self.refresh()

    def action_scroll_by(self, rows: int) -> None:
        """Scroll down by ``rows``."""
        self._go(self._below - rows)

    def action_page(self, pages: int) -> None:
        """Scroll down by ``pages`` views, one row kept in sight."""
        self._go(self._below - pages * max(self.size.height - 1, 1))

    def action_oldest(self) -> None:
        """Go to the oldest line that is kept."""
        self._go(self._limit)

    def action_follow(self) -> None:
        """Go to the end and follow it."""
        self._go(0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows a notch."""
        event.stop()
        self._go(self._below + 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows a notch."""
        event.stop()
        self._go(self._below - 3)
