"""A log of any size: followed, scrolled, searched, filtered; never a raw escape, and never a wait for the disk."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tarot_tui.jobs.log_file import BLOCK, LogFile, Part, words
from tarot_tui.jobs.log_filter import LEVELS, Wanted, wanted
from tarot_tui.locale import _
from tarot_tui.tui.keys import bindings
from tarot_tui.tui.log_keys import KEYS
from tarot_tui.tui.log_reader import LogReader
from tarot_tui.tui.log_window import Row, Window, marks

#: Lines that are read at a time.
_LINES = 200
#: Seconds that whoever wants to show a log's news along with others waits for them.
_MOMENT = 0.05
#: What terminals take at most through OSC 52, in bytes (xterm: 100 000 of base64).
_COPIED = 74_000


class LogView(Widget, can_focus=True):
    """The rows of one file. Follows the end until the reader scrolls up, and again once back at the end."""

    ALLOW_SELECT = False
    KEYS = KEYS
    BINDINGS: list[Binding] = bindings(KEYS)  # type: ignore[assignment]
    COMPONENT_CLASSES = {"log--error", "log--warning", "log--found"}
    DEFAULT_CSS = """
    LogView { height: 1fr; min-height: 2; }
    LogView .log--error { color: $text-error; }
    LogView .log--warning { color: $text-warning; }
    LogView .log--found { text-style: reverse; }
    """

    class Moved(Message):
        """Another part is shown, or what there is to say about it is another."""

    class Wish(Message):
        """A key was pressed that whoever holds the view has to answer: ``look_for``, ``next_log`` or ``save``."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    class Answered(Message):
        """The thread that reads has read something."""

        def __init__(self, reader: LogReader, name: str, answer: Any, generation: int) -> None:
            super().__init__()
            self.reader, self.name, self.answer, self.generation = reader, name, answer, generation

    def __init__(self, path: Path | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.path = path
        self.level = ""
        #: The process whose lines alone are shown, where one log has those of several.
        self.rank: int | None = None
        self.needle = ""
        self._searching: float | None = None
        self._window = Window()
        self._rows: list[Row] | None = None
        self._reader: LogReader | None = None
        self._asked: set[str] = set()
        self._owed = 0
        self._generation = 0
        self._match: int | None = None
        #: Where the thread goes on reading by itself; None: it does not.
        self._followed_to: int | None = None

    # ---- reading

    def on_mount(self) -> None:
        """Begin to read."""
        if self.path:
            self.show(self.path)

    def on_unmount(self) -> None:
        """Stop reading; a read that hangs is left behind."""
        if self._reader:
            self._reader.stop()

    def show(self, path: Path) -> None:
        """Show the end of this file, and follow it."""
        if self._reader:
            self._reader.stop()
        self.path, self.rank = path, None
        self._generation = 0
        self._reader = LogReader(path, self._told)
        self._reader.watch = self._read_new
        self._begin_anew()
        self._show_again()

    def pace(self, every: float) -> None:
        """See by itself whether the file has grown, so many seconds after the last time."""
        if self._reader:
            self._reader.every = every

    def look(self) -> None:
        """See now whether the file has grown; otherwise that is done by itself."""
        if self._reader:
            self._reader.look()

    def news(self) -> Answered | None:
        """What the file has gained, for :meth:`on_log_view_answered`. For another thread, which waits a moment for it.

        None: nothing; or it takes longer than that, and comes by itself.
        """
        reader = self._reader
        found = reader.news(_MOMENT) if reader else None
        return self.Answered(reader, *found) if found else None

    def _told(self, name: str, answer: Any, generation: int) -> None:
        # In the thread. The loop may be closing: then nobody is interested any more.
        with suppress(RuntimeError):
            self.post_message(self.Answered(self._reader, name, answer, generation))

    def _begin_anew(self) -> None:
        # What is in sight stays there until there is something to show instead.
        self._window.clear()
        self._asked.clear()
        self._owed, self._match, self._searching, self._followed_to = 0, None, None, None
        self._ask(
            "end", lambda file: file.before(file.look(), max(_LINES, 3 * self._window.height), self.wanted)
        )

    @property
    def wanted(self) -> Wanted | None:
        """What finds the lines that are shown; None: all are."""
        return wanted(self.level, self.rank)

    def _ask(self, name: str, work) -> None:  # type: ignore[no-untyped-def]
        if self._reader and name not in self._asked:
            self._asked.add(name)
            self._reader.ask(name, work)

    def on_log_view_answered(self, event: Answered) -> None:
        """Take what was read."""
        event.stop()
        if event.reader is not self._reader:
            return
        self._asked.discard(event.name)
        if event.generation != self._generation:
            self._generation = event.generation
            self._begin_anew()  # truncated or replaced: places of before mean nothing any more
            return
        getattr(self, f"_take_{event.name}")(event.answer)
        self._fill()
        self._show_again()

    def _read_new(self, file: LogFile) -> tuple[int, Part | None]:
        # In the thread: what came, right with the news that it came, so that it is in the same frame.
        start = self._followed_to
        if start is None or file.size - start > BLOCK:
            return file.size, None
        return file.size, file.after(start, _LINES, self.wanted)

    def _take_grown(self, answer: tuple[int, Part | None]) -> None:
        self._window.size, part = answer
        if part and part.start == self._window.end and self.following:
            self._window.append(part)

    def _take_end(self, part: Part) -> None:
        self._window.put(part)

    def _take_before(self, part: Part) -> None:
        if part.end == self._window.start:
            self._window.prepend(part)
            self._pay()

    def _take_behind(self, part: Part) -> None:
        if part.start == self._window.end:
            self._window.append(part)
            self._pay()

    def _pay(self) -> None:
        # Go on with the scrolling for which this had to be read.
        owed, self._owed = self._owed, 0
        if owed:
            self._owed = self._window.scroll(owed)

    def _fill(self) -> None:
        window = self._window
        if window.anchor is None and window.unread > BLOCK:
            # More has come than anybody can read: what is at the end is shown, and the file has the rest.
            self._ask("end", lambda file: file.before(file.look(), _LINES, self.wanted))
        elif window.lacks_behind:
            self._ask("behind", partial(LogFile.after, start=window.end, count=_LINES, wanted=self.wanted))
        self._followed_to = window.end if self.following else None
        if window.lacks_before:
            self._ask("before", partial(LogFile.before, end=window.start, count=_LINES, wanted=self.wanted))

    # ---- showing

    def _show_again(self) -> None:
        before, self._rows = self._rows, None
        if before != self.rows:
            self.refresh()
        self.post_message(self.Moved())

    @property
    def rows(self) -> list[Row]:
        """What is in sight."""
        if self._rows is None:
            self._rows = self._window.rows
        return self._rows

    @property
    def following(self) -> bool:
        """Whether the end is in sight and will be."""
        return self._window.anchor is None

    @property
    def share(self) -> float:
        """Where the bottom of the view is, as a share of the file."""
        return self._window.share

    @property
    def looking(self) -> float | None:
        """How much of the file a search or a filter has still to look at, as a share; None: it looks for nothing."""
        window = self._window
        if self._searching is None and self.wanted and len(self.rows) < window.height and window.size:
            return window.start / window.size or None
        return self._searching

    def on_resize(self, event: events.Resize) -> None:
        """Lay the lines out for another size."""
        self._window.resize(*event.size)
        self._fill()
        self._show_again()

    def render_line(self, y: int) -> Strip:
        """One row for Textual's compositor."""
        width, style = self.size.width, self.get_visual_style().rich_style
        if y >= len(self.rows):
            return Strip.blank(width, style)
        row = self.rows[y]
        if row.entry.level:
            style = self.get_component_rich_style(f"log--{row.entry.level}")
        return Strip(self._segments(row.text, style)).adjust_cell_length(width, style)

    def _segments(self, text: str, style) -> list[Segment]:  # type: ignore[no-untyped-def]
        found = style + self.get_component_rich_style("log--found", partial=True) if self.needle else style
        return [Segment(piece, found if is_found else style) for piece, is_found in marks(text, self.needle)]

    # ---- moving

    def _scroll(self, rows: int) -> None:
        self._owed = self._window.scroll(self._owed + rows)
        self._fill()
        self._show_again()

    def action_scroll_by(self, rows: int) -> None:
        """Scroll down by ``rows``."""
        self._scroll(rows)

    def action_page(self, pages: int) -> None:
        """Scroll down by ``pages`` views, one row kept in sight."""
        self._scroll(pages * max(self.size.height - 1, 1))

    def action_oldest(self) -> None:
        """Go to the beginning."""
        self._ask("around", lambda file: (0, Part(0, 0), file.after(0, _LINES, self.wanted)))

    def action_follow(self) -> None:
        """Go to the end and follow it."""
        self._owed, self._match = 0, None
        if self._window.unread:
            self._begin_anew()
        else:
            self._window.anchor = None
            self._fill()
            self._show_again()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows a notch."""
        event.stop()
        self._scroll(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows a notch."""
        event.stop()
        self._scroll(3)

    def _take_around(self, answer: tuple[int, Part, Part]) -> None:
        place, before, behind = answer
        lines = before.lines + behind.lines
        self._window.put(Part(before.start, behind.end, lines, behind.rest))
        self._window.go(place)

    # ---- _searching

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a search mean something else to the screen while there is none."""
        return bool(self.needle) if action in ("find_next", "end_search") else True

    def find(self, text: str) -> None:
        """Look for ``text`` from the bottom of the view upwards; in any case unless it holds a capital letter."""
        self.needle, self._match = text, None
        self._show_again()
        self.refresh()
        if text:
            self.action_find_next(True)

    def action_find_next(self, backward: bool) -> None:
        """Find the words again."""
        if self._match is None:
            place = self.rows[-1].entry.end if self.rows else self._window.end
        else:
            # Behind the line found before, wherever that ends.
            shown = next((row.entry for row in self.rows if row.entry.start == self._match), None)
            place = self._match if backward else shown.end if shown else self._match + 1
        self._find_from(place, backward)

    def _find_from(self, place: int, backward: bool) -> None:
        what, wanted = words(self.needle), self.wanted

        def work(file: LogFile) -> Any:
            found, reached = file.find(what, place, backward=backward, wanted=wanted)
            around = None
            if found is not None:
                around = (found, file.before(found, _LINES, wanted), file.after(found, _LINES, wanted))
            return what, backward, reached, reached <= 0 or reached >= file.size or reached == place, around

        self._ask("found", work)

    def _take_found(self, answer: Any) -> None:
        what, backward, reached, complete, around = answer
        if not self.needle or what != words(self.needle):
            return
        if around:
            self._searching, self._match = None, around[0]
            self._take_around(around)
        elif complete:
            self._searching = None
            self.notify(_("Not found: {words}").format(words=self.needle), markup=False)
        else:
            size = max(self._window.size, 1)
            self._searching = reached / size if backward else 1 - reached / size
            self._find_from(reached, backward)

    def action_end_search(self) -> None:
        """Look for nothing."""
        self.needle, self._match, self._searching = "", None, None
        self._show_again()
        self.refresh()

    # ---- the other keys

    def action_graver(self) -> None:
        """Show all, warnings and errors, or errors only, in turn."""
        names = list(LEVELS)
        self.level = names[(names.index(self.level) + 1) % len(names)]
        self._begin_anew()

    def show_rank(self, rank: int | None) -> None:
        """Show only what this process says, or everything."""
        self.rank = rank
        self._begin_anew()
        self._show_again()

    def action_fold(self) -> None:
        """Show tracebacks in full, or by their last line."""
        self._window.show_folded(not self._window.fold)
        self._fill()
        self._show_again()

    def action_copy(self) -> None:
        """Copy the lines in sight through the terminal (OSC 52)."""
        entries = dict.fromkeys(row.entry for row in self.rows)
        text = "\n".join(entry.text for entry in entries)
        data = text.encode()
        self.app.copy_to_clipboard(data[:_COPIED].decode("utf-8", "ignore"))
        self.notify(_("Copied: {count} lines of the log.").format(count=len(entries)), timeout=3)

    def action_look_for(self) -> None:
        """Ask for the words to look for."""
        self.post_message(self.Wish("look_for"))

    def action_next_log(self) -> None:
        """Show the log of another process."""
        self.post_message(self.Wish("next_log"))

    def action_save(self) -> None:
        """Save the log as a text file."""
        self.post_message(self.Wish("save"))
