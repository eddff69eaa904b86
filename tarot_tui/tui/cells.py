"""Rows of terminal cells, and which of them only moved: what :mod:`tarot_tui.tui.celldiff` compares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import split_graphemes

from tarot_tui.tui.pen import look_of_blank

#: The second half of a wide character.
HALF = ""
#: Characters of one cell each, whatever stands beside them: Latin, box lines, blocks, braille.
_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2500-\u25fc\u2800-\u28ff]*")
#: Bytes that moving rows costs by itself: setting the margins, the move, and taking the margins back.
_COST_OF_MOVING = 24
#: Bytes to get to a row, and to another cell of it.
_ROW, _JUMP = 8, 5


class Row:
    """``text[x]``: the character in a cell, :data:`HALF`, or None where it is unknown; ``look[x]``: its SGR parameters."""

    __slots__ = ("look", "text")

    def __init__(self, width: int) -> None:
        self.text: list[str | None] = [None] * width
        self.look: list[str] = [""] * width

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.text == other.text and self.look == other.look

    def put(self, x: int, text: str, look: str) -> int:
        """Write ``text`` from column ``x`` on; returns the column behind it. What would leave the row is cut."""
        if _NARROW.fullmatch(text):
            pieces: Sequence[str] = text
        else:
            pieces = []
            for start, end, cells in split_graphemes(text)[0]:
                if cells:
                    pieces += [text[start:end], HALF][:cells]
                elif pieces or x:
                    self._join(pieces, x, text[start:end])
        return self._lay(x, pieces[: len(self.text) - x], look)

    def _lay(self, x: int, pieces: Sequence[str | None], look: str) -> int:
        if not pieces:
            return x
        end = x + len(pieces)
        # Half of a wide character cannot stay when its other half goes.
        if x and self.text[x] == HALF:
            self.text[x - 1] = None
        if end < len(self.text) and self.text[end] == HALF:
            self.text[end] = None
        self.text[x:end] = pieces
        self.look[x:end] = [look] * len(pieces)
        # Nor can a first half stand in the last column.
        if end == len(self.text) and end > x and _is_wide(pieces[-1]):
            self.text[-1] = None
        return end

    def _join(self, pieces: list[str], x: int, mark: str) -> None:
        # A mark without a width belongs to the character before it.
        at = len(pieces) - 1
        if pieces:
            pieces[at - (pieces[at] == HALF and at > 0)] += mark
        elif (before := self.text[x - 1]) not in (None, HALF):
            self.text[x - 1] = before + mark

    def has(self, x: int, piece: str, look: str, cells: int) -> bool:
        """Whether a character of ``cells`` cells stands at ``x`` in that look."""
        if self.text[x] != piece:
            return False
        if self.look[x] != look:
            return piece == " " and look_of_blank(self.look[x]) == look_of_blank(look)
        return cells == 1 or (self.text[x + 1] == HALF and self.look[x + 1] == look)

    def set(self, x: int, piece: str, look: str, cells: int) -> None:
        """Note that this character was sent."""
        self._lay(x, [piece, HALF][:cells], look)

    def forget(self) -> None:
        """Know nothing about this row."""
        self.text = [None] * len(self.text)

    def cost(self, shown: Row) -> int:
        """About how many bytes it takes to make ``shown`` like this one."""
        if self == shown:
            return 0
        pairs = zip(self.text, self.look, shown.text, shown.look, strict=True)
        changed = [
            x for x, (text, look, old, old_look) in enumerate(pairs) if text != old or look != old_look
        ]
        jumps = sum(after - before > _JUMP for before, after in pairwise(changed))
        return _ROW + len(changed) + _JUMP * jumps


def _is_wide(piece: str | None) -> bool:
    return bool(piece) and not piece.isascii() and split_graphemes(piece)[1] > 1


@dataclass(frozen=True)
class Move:
    """Rows ``top`` to ``bottom`` (both included) move up by ``by`` rows, or down when it is negative."""

    top: int
    bottom: int
    by: int


def worthwhile_move(wanted: Sequence[Row], shown: Sequence[Row], changed: Sequence[int]) -> Move | None:
    """The move of rows already shown after which less has to be sent than without it; None where there is none.

    ``changed``: the rows to look at. A line that a log gains moves all its other lines.
    """
    if len(changed) < 3:
        return None
    places: dict[str, int] = {}
    for y, row in enumerate(shown):
        if (text := _words(row)) is not None:
            places[text] = -1 if text in places else y
    found = Counter(
        places[text] - y
        for y in changed
        if (text := _words(wanted[y])) is not None and places.get(text, -1) >= 0 and places[text] != y
    )
    if not found:
        return None
    by, count = found.most_common(1)[0]
    return _judged(wanted, shown, by) if count > 1 else None


def _words(row: Row) -> str | None:
    # Empty rows are all alike, and unknown cells are like nothing.
    if None in row.text:
        return None
    text = "".join(row.text)
    return None if text.isspace() else text


def _judged(wanted: Sequence[Row], shown: Sequence[Row], by: int) -> Move | None:
    first, last = _longest_run(
        [0 <= y + by < len(shown) and wanted[y] == shown[y + by] for y in range(len(wanted))]
    )
    saved = sum(wanted[y].cost(shown[y]) for y in range(first, last + 1))
    bared = range(last + 1, last + by + 1) if by > 0 else range(first + by, first)
    lost = sum(_ROW + len(wanted[y].text) - wanted[y].cost(shown[y]) for y in bared)
    if saved <= lost + _COST_OF_MOVING:
        return None
    return Move(min(first, first + by), max(last, last + by), by)


def _longest_run(flags: Sequence[bool]) -> tuple[int, int]:
    # The first and last index of the longest run of True.
    best, start = (0, -1), None
    for index, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = index
        elif not flag and start is not None:
            if index - start > best[1] - best[0] + 1:
                best = (start, index - 1)
            start = None
    return best
