"""The part of a log that is in memory, and the rows of it that are in sight. No Textual, and no file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import chop_cells

from tarot_tui.jobs.log_file import Line, Part
from tarot_tui.locale import _
from tarot_tui.tui.log_fold import Entry, entries

#: Lines that are kept around the view; the file has the rest. More where the view is very high: so many heights of it.
KEPT, _HEIGHTS = 1200, 8
#: Rows that one line may fill before the rest of it is left to the file.
_ROWS_OF_A_LINE = 12


@dataclass(frozen=True)
class Row:
    """One row of cells: a piece of an entry's text, and which piece it is."""

    entry: Entry
    number: int
    text: str


class Window:
    """``lines`` are what was wanted of the bytes from ``start`` to ``end`` of a file of ``size`` bytes.

    ``anchor`` is the place of the line at the top of the view, and which of its rows that is; None: the end is
    followed. Places stay what they are when the file grows, so what one reads stays where it is.
    """

    def __init__(self, width: int = 80, height: int = 10) -> None:
        self.width, self.height = width, height
        self.fold = True
        self.clear()

    def clear(self) -> None:
        """Forget everything; the end will be followed."""
        self.lines: list[Line] = []
        self.rest: Line | None = None
        self.start = self.end = self.size = 0
        self.anchor: tuple[int, int] | None = None
        self._wrapped: dict[Entry, list[str]] = {}
        self._changed()

    def resize(self, width: int, height: int) -> None:
        """Lay the lines out for another view."""
        if width != self.width:
            self._wrapped = {}
            # A row number of the old width means nothing; the line does.
            self.anchor = self.anchor and (self.anchor[0], 0)
        self.width, self.height = width, height

    def show_folded(self, fold: bool) -> None:
        """Fold tracebacks, or do not."""
        self.anchor = self.anchor and (self.anchor[0], 0)
        self.fold = fold
        self._changed()

    # ---- what is in memory

    def put(self, part: Part) -> None:
        """Know this part only."""
        self.lines, self.rest, self.start, self.end = part.lines, part.rest, part.start, part.end
        self.size = max(self.size, self.end)
        self._changed()

    def prepend(self, part: Part) -> None:
        """Know this part too, which ends where the window begins."""
        self.lines = part.lines + self.lines
        self.start = part.start
        if len(self.lines) > self._most and self.anchor:
            self.lines, self.rest = self.lines[: self._most], None
            self.end = self.lines[-1].end
        self._changed()

    def append(self, part: Part) -> None:
        """Know this part too, which begins where the window ends."""
        settled = self._settled
        self.lines = self.lines + part.lines
        self.rest, self.end = part.rest, part.end
        if len(self.lines) > self._most:
            self.lines = self.lines[-self._most :]
            self.start = self.lines[0].start
        self._changed()
        if settled is not None:
            # A log that is followed gains a line at every look: the others are not gone through again.
            gained = entries([*part.lines, part.rest] if part.rest else part.lines, fold=self.fold)
            self._know([entry for entry in settled if entry.start >= self.start] + gained)

    @property
    def _settled(self) -> list[Entry] | None:
        """The entries of the whole lines, if nothing that follows can belong to one of them; else None."""
        if self._entries is None or (self.fold and any("Traceback" in line.text for line in self.lines)):
            return None
        return self._entries[: len(self.lines)]

    @property
    def _most(self) -> int:
        return max(KEPT, _HEIGHTS * self.height)

    @property
    def unread(self) -> int:
        """Bytes behind what is known."""
        return self.size - (self.rest.end if self.rest else self.end)

    @property
    def lacks_before(self) -> bool:
        """Whether what is above the view should be read now."""
        return self.start > 0 and self.top[0] < 2 * self.height

    @property
    def lacks_behind(self) -> bool:
        """Whether what is below the view should be read now."""
        near_end = self.anchor is None or len(self.entries) - self.top[0] < 3 * self.height
        return self.unread > 0 and near_end

    def _changed(self) -> None:
        self._entries: list[Entry] | None = None

    @property
    def entries(self) -> list[Entry]:
        """The lines, with tracebacks folded if that is wanted."""
        if self._entries is None:
            lines = [*self.lines, self.rest] if self.rest else self.lines
            self._know(entries(lines, fold=self.fold))
        return self._entries

    def _know(self, found: list[Entry]) -> None:
        self._entries, self._places = found, [entry.start for entry in found]

    # ---- what is in sight

    @property
    def top(self) -> tuple[int, int]:
        """The entry at the top of the view, and its row there, both by number."""
        if self.anchor is None:
            return self._back((len(self.entries), 0), self.height)[0]
        index = bisect_right(self._places, self.anchor[0]) - 1 if self.entries else 0
        return (0, 0) if index < 0 else (index, self.anchor[1])

    @property
    def rows(self) -> list[Row]:
        """At most as many rows as the view is high. A log shorter than the view stands at its top."""
        rows: list[Row] = []
        for row in self._from(self.top):
            if len(rows) == self.height:
                break
            rows.append(row)
        return rows

    @property
    def share(self) -> float:
        """Where the bottom of the view is, as a share of the file."""
        rows = self.rows
        return rows[-1].entry.end / self.size if rows and self.size else 1.0

    def scroll(self, rows: int) -> int:
        """Move down by ``rows``, up when negative; returns those for which something has to be read first."""
        place, left = (self._forth if rows > 0 else self._back)(self.top, abs(rows))
        self._stand_at(place)
        last = self._back((len(self.entries), 0), self.height)[0]
        if place >= last:
            self._stand_at(last)
            if not self.unread:
                self.anchor = None
        if rows > 0:
            return left if self.unread else 0
        return -left if self.start else 0

    def go(self, place: int) -> None:
        """Bring the line at ``place`` in sight, a third from the top."""
        self.anchor = (place, 0)
        self.scroll(-(self.height // 3))

    def _stand_at(self, place: tuple[int, int]) -> None:
        index, row = place
        self.anchor = (self._places[index], row) if index < len(self.entries) else None

    def _from(self, place: tuple[int, int]) -> Iterator[Row]:
        first, skipped = place
        for entry in self.entries[first:]:
            for number, text in enumerate(self._wrap(entry)):
                if number >= skipped:
                    yield Row(entry, number, text)
            skipped = 0

    def _back(self, place: tuple[int, int], rows: int) -> tuple[tuple[int, int], int]:
        # So many rows above a place, and how many of them there are not.
        index, row = place
        while rows > row and index:
            rows -= row
            index -= 1
            row = len(self._wrap(self.entries[index]))
        return (index, max(row - rows, 0)), max(rows - row, 0)

    def _forth(self, place: tuple[int, int], rows: int) -> tuple[tuple[int, int], int]:
        index, row = place
        while index < len(self.entries):
            here = len(self._wrap(self.entries[index])) - row
            if rows < here:
                return (index, row + rows), 0
            rows -= here
            index, row = index + 1, 0
        return (index, 0), rows

    def _wrap(self, entry: Entry) -> list[str]:
        if entry not in self._wrapped:
            if len(self._wrapped) > 2 * self._most:
                self._wrapped = {}
            text = entry.text
            if entry.hidden:
                text += "  " + _("[traceback: t shows it]")
            self._wrapped[entry] = _pieces(text, self.width)
        return self._wrapped[entry]


def _pieces(text: str, width: int) -> list[str]:
    if len(text) <= width and text.isascii() or width <= 0:
        return [text]
    if text.isascii():
        pieces = [text[at : at + width] for at in range(0, min(len(text), width * _ROWS_OF_A_LINE), width)]
    else:
        # Only so much as can be shown: a line may be hundreds of kilobytes long.
        pieces = chop_cells(text[: width * _ROWS_OF_A_LINE], width)
    return pieces[:_ROWS_OF_A_LINE] or [""]


def marks(text: str, needle: str) -> Iterator[tuple[str, bool]]:
    """``text`` in pieces, each with whether it is ``needle``: in any case unless that holds a capital letter."""
    within = text if needle != needle.lower() else text.lower()
    at = 0
    while needle and len(within) == len(text) and (start := within.find(needle, at)) >= 0:
        if start > at:
            yield text[at:start], False
        at = start + len(needle)
        yield text[start:at], True
    if at < len(text):
        yield text[at:], False
