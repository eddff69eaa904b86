"""Which cells of the terminal change: Textual's output in, the shortest output with the same effect out.

Textual repaints whole regions; over a slow link that is most of what is sent. :class:`CellDiff` keeps a
*shadow*, what each cell of the terminal shows, and rests on the grammar of Textual's output: cursor moves,
SGR, text, newlines and private modes. Whatever else comes by is passed through untouched, and the shadow is
dropped. ``textual`` is pinned for this, and a test replays recordings through a terminal emulator.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from rich.cells import split_graphemes

_TOKENS = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<sgr>[\d;:]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?P<newline>\r?\n)"
    r"|(?P<other>\x1b\[[<>=?]?[\d;:$]*[ -/]*[@-~]|\x1b[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b?.)",
    re.DOTALL,
)
#: Controls that touch no cell and move no cursor: synchronised output, cursor visibility, mouse, focus and
#: paste modes, mode queries, kitty keyboard, the clipboard and the pointer's shape, the bell.
_HARMLESS = re.compile(
    r"\x1b\[\?(?:25|100[0-6]|1015|2004|2026)[hl]|\x1b\[\?\d+\$p|\x1b\[[<>]\d*u"
    r"|\x1b\](?:52|22);[^\x07\x1b]*(?:\x07|\x1b\\)|\x07"
)
_SYNC_START, _SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
#: The second half of a wide character.
_HALF = ""


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


class CellDiff:
    """What the terminal shows, and what must be sent to change it. Knows nothing of drivers or terminals."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        #: row → column → (character, SGR parameters)
        self._shadow: dict[int, dict[int, tuple[str, str]]] = {}
        self._x = self._y = 0  # where Textual believes the cursor to be
        self._lost = True  # … which counts only from its first move on, and until a control we do not know
        self._at: tuple[int, int] | None = None  # where the terminal has it; None: unknown
        self._style = ""  # what Textual asked for, as SGR parameters since the last reset
        self._worn: str | None = None  # what the terminal has now; None: unknown
        self._held = ""  # a "begin frame" that waits for something to frame

    def squeeze(self, data: str) -> str:
        """``data`` without what the terminal shows already."""
        out: list[str] = []
        for token in _TOKENS.finditer(data):
            kind, value = token.lastgroup, token.group()
            if kind == "column":
                self._x, self._y = int(token["column"]) - 1, int(token["row"]) - 1
                self._lost = False
            elif kind == "sgr":
                self._restyle(token["sgr"])
            elif kind == "text":
                self._text(value, out)
            elif kind == "newline" and not self._lost and self._y + 1 < self.size[1]:
                self._x, self._y = 0, self._y + 1
            elif value == _SYNC_START:
                self._held = value
            elif value == _SYNC_END and self._held:
                self._held = ""
            elif _HARMLESS.fullmatch(value):
                out.append(value)
            else:
                self._unknown(value, out)
        # A cell written outside a frame must not inherit the last colours.
        if self._worn and out:
            out.append("\x1b[m")
            self._worn = ""
        self._move(out)
        if out and self._held:
            out.insert(0, self._held)
            self._held = ""
        return "".join(out)

    def _restyle(self, sgr: str) -> None:
        if sgr in ("", "0"):
            self._style = ""
        elif sgr.startswith("0;"):
            self._style = sgr[2:]
        else:
            self._style = f"{self._style};{sgr}" if self._style else sgr

    def _text(self, text: str, out: list[str]) -> None:
        if self._lost:
            self._wear(out)
            out.append(text)
            return
        shadow = self._shadow.setdefault(self._y, {})
        style, width = self._style, self.size[0]
        pieces = (
            ((character, 1) for character in text)
            if text.isascii()
            else ((text[start:end], cells) for start, end, cells in split_graphemes(text)[0])
        )
        for piece, cells in pieces:
            x = self._x
            same = shadow.get(x) == (piece, style) and (cells < 2 or shadow.get(x + 1) == (_HALF, style))
            if same and cells and x + cells <= width:
                self._x += cells
                continue
            self._move(out)
            self._wear(out)
            out.append(piece)
            # Half of a wide character cannot stay when its other half goes.
            if shadow.get(x, " ")[0] == _HALF:
                shadow.pop(x - 1, None)
            if shadow.get(x + cells, " ")[0] == _HALF:
                shadow.pop(x + cells, None)
            shadow[x] = (piece, style)
            if cells == 2:
                shadow[x + 1] = (_HALF, style)
            self._x += cells
            # Terminals disagree about joined emoji, and about what follows the last column.
            certain = cells and (len(piece) == 1) and self._x < width
            self._at = (self._x, self._y) if certain else None
            if x + cells > width or not cells:
                shadow.clear()

    def _wear(self, out: list[str]) -> None:
        if self._worn != self._style:
            out.append(f"\x1b[{change_of_style(self._worn, self._style)}m")
            self._worn = self._style

    def _move(self, out: list[str]) -> None:
        if self._lost:
            return
        if self._at != (self._x, self._y):
            # By column within a row, never by distance: it stays right where a terminal draws wider than we count.
            same_row = self._at is not None and self._at[1] == self._y
            out.append(f"\x1b[{self._x + 1}G" if same_row else f"\x1b[{self._y + 1};{self._x + 1}H")
            self._at = (self._x, self._y)

    def _unknown(self, control: str, out: list[str]) -> None:
        self._move(out)
        out.append(control)
        self._shadow.clear()
        self._at = self._worn = None
        self._lost = True
