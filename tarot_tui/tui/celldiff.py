"""Which cells of the terminal change: Textual's output in, the shortest output with the same effect out.

Textual repaints whole regions; over a slow link that is most of what is sent. :class:`CellDiff` draws Textual's
output on a picture of its own, knows what the terminal shows, and sends the difference. What came between two
sendings is never sent, so a slow link shows fewer frames and no older ones.

It rests on the grammar of Textual's output: cursor moves, SGR, text, newlines and private modes. Whatever else comes
by is passed through untouched, and what the terminal shows is unknown then. ``textual`` is pinned for this, and a test
replays recordings through a terminal emulator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tarot_tui.tui.cells import HALF, Row, worthwhile_move
from tarot_tui.tui.narrow import narrow
from tarot_tui.tui.pen import NO_LINK, Pen, Run

_TOKENS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<sgr>[\d;:]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<newline>\r?\n)"
    r"|\x1b\]8;(?P<link>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|(?P<other>\x1b\[[<>=?]?[\d;:$]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b?.)",
    re.DOTALL,
)
#: Controls that touch no cell and move no cursor: line wrap, synchronised output, cursor visibility, mouse, focus and
#: paste modes, mode queries, kitty keyboard, notifications, the clipboard, the bell.
_HARMLESS = re.compile(
    r"\x1b\[\?(?:7|25|100[0-6]|1015|2004)[hl]|\x1b\[\?\d+\$p|\x1b\[[<>]\d*u"
    r"|\x1b\](?:9|52);[^\x07\x1b]*(?:\x07|\x1b\\)|\x07"
)
_OTHER_SCREEN = ("\x1b[?1049h", "\x1b[?1049l")
_FRAME_START, _FRAME_END = "\x1b[?2026h", "\x1b[?2026l"


class CellDiff:
    """What the app wants shown, what the terminal shows, and what must be sent. Knows nothing of drivers or terminals."""

    def __init__(self, width: int, height: int, *, narrow: bool = False) -> None:
        self._style = ""  # what Textual asked for, as SGR parameters since the last reset
        self._link = NO_LINK
        self._framed = False  # the terminal understands synchronised output
        self._drawing = False  # between the start of a frame and its end
        self._narrow = narrow
        self._out: list[str] = []
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Begin with an empty picture of another size; nothing is known about the terminal then."""
        self.size = (width, height)
        self._wanted = [Row(width) for _ in range(height)]
        self._shown = [Row(width) for _ in range(height)]
        self._dirty: set[int] = set()
        self._x = self._y = 0  # where Textual believes the cursor to be
        self._lost = True  # … which counts only from its first move on, and until a control we do not know
        self._pen = Pen(width, self._between)

    def squeeze(self, data: str) -> str:
        """What to send now that Textual has sent ``data``."""
        self.feed(data)
        return self.take()

    def feed(self, data: str) -> None:
        """Draw ``data`` on the picture."""
        for token in _TOKENS.finditer(data):
            kind, value = token.lastgroup, token.group()
            if kind == "column":
                self._x, self._y = int(token["column"]) - 1, int(token["row"]) - 1
                self._lost = self._y >= self.size[1] or self._x >= self.size[0]
                if self._lost:
                    self._unknown(value)
            elif kind == "sgr":
                self._restyle(token["sgr"])
            elif kind == "text":
                self._text(value)
            elif kind == "link":
                self._link = token["link"]
            elif kind == "newline" and not self._lost and self._y + 1 < self.size[1]:
                self._x, self._y = 0, self._y + 1
            elif value in (_FRAME_START, _FRAME_END):
                self._framed, self._drawing = True, value == _FRAME_START
            elif value.startswith("\x1b]22;"):
                pass  # the pointer's shape: not worth a byte, and older terminals complain of it
            elif _HARMLESS.fullmatch(value):
                self._out.append(value)
            else:
                self._unknown(value)

    def take(self, limit: int | None = None) -> str:
        """What makes the terminal show the picture, or the next part of that, of little more than ``limit`` bytes.

        Nothing but harmless controls comes while Textual is in the middle of a frame. Empty when nothing is to be sent.
        """
        controls, self._out = self._out, []
        if not self._drawing:
            self._paint(limit)
        painted, self._out = self._out, []
        if painted and self._framed:
            painted = [_FRAME_START, *painted, _FRAME_END]
        return "".join(controls + painted)

    @property
    def behind(self) -> bool:
        """Whether the terminal may not show the whole picture yet."""
        return bool(self._dirty) and not self._drawing

    @property
    def drawing(self) -> bool:
        """Whether the app is in the middle of a frame, of which nothing is to be sent."""
        return self._drawing

    def forget(self) -> None:
        """Trust nothing about what the terminal shows: the whole picture will be sent."""
        for row in self._shown:
            row.forget()
        self._dirty = set(range(self.size[1]))
        self._pen.at = self._pen.worn = None

    @property
    def narrow(self) -> bool:
        """Whether stand-ins are drawn for characters that may take two cells where one was counted."""
        return self._narrow

    @narrow.setter
    def narrow(self, wanted: bool) -> None:
        self._narrow = wanted
        for y, row in enumerate(self._wanted if wanted else ()):
            row.text = [text and narrow(text) for text in row.text]
            self._dirty.add(y)

    def _restyle(self, sgr: str) -> None:
        if sgr in ("", "0"):
            self._style = ""
        elif sgr.startswith("0;"):
            self._style = sgr[2:]
        else:
            self._style = f"{self._style};{sgr}" if self._style else sgr

    def _text(self, text: str) -> None:
        if self._narrow:
            text = narrow(text)
        look = self._style if self._link == NO_LINK else f"{self._style}\x1b{self._link}"
        if self._lost:
            self._pen.wear(look, self._out)
            self._out.append(text)
        elif self._x < self.size[0]:
            self._x = self._wanted[self._y].put(self._x, text, look)
            self._dirty.add(self._y)

    def _unknown(self, control: str) -> None:
        # What it does may depend on what was sent before it; nobody sees that behind a switch of screens.
        if control not in _OTHER_SCREEN:
            self._paint(None)
        self._out.append(control)
        self.forget()
        for row in self._wanted:
            row.forget()
        self._lost = True

    def _paint(self, limit: int | None) -> None:
        if self._lost:
            return  # The app may have left the screen to others.
        wanted, shown = self._wanted, self._shown
        self._dirty = {y for y in self._dirty if wanted[y] != shown[y]}
        if self._dirty:
            self._move_rows()
        runs: list[Run] = []
        cells = 0
        for y in sorted(self._dirty):
            for run in self._changes(y):
                runs.append(run)
                cells += run.end - run.x
            self._dirty.discard(y)
            if limit is not None and cells >= limit:
                break
        self._out += self._pen.write(runs)
        # A cell written outside a frame must not inherit the last colours.
        if self._out and (self._pen.worn or self._pen.linked != NO_LINK):
            self._pen.wear("", self._out)
        self._pen.go(self._x, self._y, self._out)

    def _changes(self, y: int) -> Iterator[Run]:
        # What differs in a row, which counts as sent by that.
        wanted, shown, width = self._wanted[y], self._shown[y], self.size[0]
        run: Run | None = None
        half = -1  # where the second half still stands of a wide character whose first is written over
        both = zip(wanted.text, wanted.look, shown.text, shown.look, strict=True)
        for x, (piece, look, old, old_look) in enumerate(both):
            if not piece:  # unknown to the app itself, or painted with its first half
                continue
            if piece == old and look == old_look and piece.isascii():
                continue  # as most cells are
            cells = 2 if x + 1 < width and wanted.text[x + 1] == HALF else 1
            if shown.has(x, piece, look, cells):
                continue
            tied, half = x == half, x + cells if HALF in shown.text[x + cells : x + cells + 1] else -1
            shown.set(x, piece, look, cells)
            if run is None or run.end != x or not run.takes(piece, look):
                if run:
                    yield run
                run = Run(y, x, look, blank=piece == " ", tied=tied)
            run.pieces.append((piece, cells))
            run.end = x + cells
        if run:
            yield run

    def _between(self, y: int, start: int, end: int, look: str) -> str | None:
        row = self._shown[y]
        if None in row.text[start:end] or any(one != look for one in row.look[start:end]):
            return None
        return "".join(row.text[start:end])

    def _move_rows(self) -> None:
        move = worthwhile_move(self._wanted, self._shown, sorted(self._dirty))
        if not move:
            return
        self._pen.wear("", self._out)
        # Deleting and inserting lines between margins is understood by every terminal since the VT102.
        verb = f"{move.by}M" if move.by > 0 else f"{-move.by}L"
        self._out.append(f"\x1b[{move.top + 1};{move.bottom + 1}r\x1b[{move.top + 1}H\x1b[{verb}\x1b[r")
        self._pen.at = None
        part = self._shown[move.top : move.bottom + 1]
        bare = [Row(self.size[0]) for _ in range(abs(move.by))]
        part = [*part[move.by :], *bare] if move.by > 0 else [*bare, *part[: move.by]]
        self._shown[move.top : move.bottom + 1] = part
        self._dirty |= set(range(move.top, move.bottom + 1))
