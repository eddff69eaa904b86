"""Writing changed cells to a terminal in few bytes: where its cursor is, what it wears, and the cheaper order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

#: The parameters of OSC 8 that end a hyperlink. A link is part of a cell's look, behind an escape.
NO_LINK = ";"
#: So many unchanged cells between two changed ones are sent again rather than jumped over.
_SHORT_GAP = 4
#: Attributes that can be seen on a blank: underlines, reverse, strike, overline.
_SEEN_WITHOUT_TEXT = frozenset({"4", "7", "9", "21", "53"})


@dataclass
class Run:
    """Neighbouring cells of one look: each character with the cells that it takes, from column ``x`` of row ``y`` on.

    tied: it begins with the second half of a wide character, and the run before it ends with the first. Terminals differ
    in what becomes of the other half, so both are replaced at once, from left to right.
    """

    y: int
    x: int
    look: str
    pieces: list[tuple[str, int]] = field(default_factory=list)
    end: int = 0
    blank: bool = True
    tied: bool = False

    def takes(self, piece: str, look: str) -> bool:
        """Whether this character may come next: in the same look, or one that differs only in how text would look."""
        if look != self.look:
            if (piece != " " and not self.blank) or look_of_blank(look) != look_of_blank(self.look):
                return False
            if piece != " ":
                self.look = look
        self.blank = self.blank and piece == " "
        return True


@lru_cache(4096)
def change_of_style(worn: str | None, wanted: str) -> str:
    """The SGR parameters that lead from one style to another; both as parameters since a reset, None: unknown.

    Colours are most of what styles cost, so one that stays is not sent again. Attributes can only be added one by
    one; to lose any, everything is reset first.
    """
    if worn is None or wanted == "":
        return f"0;{wanted}" if wanted else ""
    before, after = _parts(worn), _parts(wanted)
    if not before.keys() <= after.keys():
        return f"0;{wanted}"
    return ";".join(value for key, value in after.items() if before.get(key) != value)


@lru_cache(4096)
def look_of_blank(look: str) -> str:
    """What can be seen of ``look`` where there is no character: two looks with the same draw the same blank."""
    style, _escape, link = look.partition("\x1b")
    parts = _parts(style)
    return look if link or not _SEEN_WITHOUT_TEXT.isdisjoint(parts) else parts.get("48", "")


def _parts(style: str) -> dict[str, str]:
    # {"38": the foreground, "48": the background, other parameters by themselves}
    numbers = iter(style.split(";") if style else ())
    parts: dict[str, str] = {}
    for number in numbers:
        if number in ("38", "48"):
            kind = next(numbers, "5")
            parts[number] = ";".join([number, kind, *islice(numbers, 3 if kind == "2" else 1)])
        elif number.isdigit() and 30 <= int(number) % 60 <= 49:
            parts["38" if int(number) % 60 < 40 else "48"] = number
        else:
            parts[number] = number
    return parts


#: The characters of one look that a row shows from one column to another; None where that is not so.
Between = Callable[[int, int, int, str], str | None]


class Pen:
    """The terminal's cursor ``at`` (column, row; None: unknown) and the style ``worn`` (None: unknown), while writing.

    ``width``: of the terminal. ``between``: what it shows, to send again rather than to jump.
    """

    def __init__(self, width: int, between: Between) -> None:
        self.at: tuple[int, int] | None = None
        self.worn: str | None = None
        self.linked = NO_LINK
        self._width = width
        self._between = between

    def write(self, runs: list[Run]) -> list[str]:
        """What draws these runs: row by row, or look by look where that is shorter; a colour may cost 37 bytes."""
        before = self._state
        by_place = self._write(runs)
        groups: dict[str, list[Run]] = {}
        rows_of_tied = {run.y for run in runs if run.tied}
        tied = [run for run in runs if run.y in rows_of_tied]
        for run in runs:
            if run.y not in rows_of_tied:
                groups.setdefault(run.look, []).append(run)
        if not 1 < len(groups) < len(runs) - len(tied):
            return by_place
        after, self._state = self._state, before
        by_look = self._write([*tied, *(run for group in groups.values() for run in group)])
        if _size(by_look) < _size(by_place):
            return by_look
        self._state = after
        return by_place

    @property
    def _state(self) -> tuple[tuple[int, int] | None, str | None, str]:
        return self.at, self.worn, self.linked

    @_state.setter
    def _state(self, state: tuple[tuple[int, int] | None, str | None, str]) -> None:
        self.at, self.worn, self.linked = state

    def _write(self, runs: Iterable[Run]) -> list[str]:
        out: list[str] = []
        for run in runs:
            x = run.x
            for piece, cells in run.pieces:
                self.go(x, run.y, out)
                self.wear(run.look, out)
                out.append(piece)
                x += cells
                # Terminals disagree about joined emoji, and about what follows the last column.
                self.at = (x, run.y) if len(piece) == 1 and x < self._width else None
        return out

    def wear(self, look: str, out: list[str]) -> None:
        """Change the style, and the link."""
        style, _escape, link = look.partition("\x1b")
        link = link or NO_LINK
        if self.linked != link:
            out.append(f"\x1b]8;{link}\x1b\\")
            self.linked = link
        if self.worn != style:
            out.append(f"\x1b[{change_of_style(self.worn, style)}m")
            self.worn = style

    def go(self, x: int, y: int, out: list[str]) -> None:
        """Move the cursor."""
        if self.at == (x, y):
            return
        same_row = self.at is not None and self.at[1] == y
        if same_row and 0 < x - self.at[0] <= _SHORT_GAP and (again := self._again(self.at[0], x, y)):
            out.append(again)
        elif (x, y) == (0, 0):
            out.append("\x1b[H")
        else:
            # By column within a row, never by distance: it stays right where a terminal draws wider than we count.
            out.append(f"\x1b[{x + 1}G" if same_row else f"\x1b[{y + 1};{x + 1}H")
        self.at = (x, y)

    def _again(self, start: int, end: int, y: int) -> str | None:
        if self.worn is None or self.linked != NO_LINK:
            return None
        text = self._between(y, start, end, self.worn)
        return text if text and text.isascii() and len(text) == end - start else None


def _size(pieces: list[str]) -> int:
    return len("".join(pieces).encode("utf-8", "replace"))
