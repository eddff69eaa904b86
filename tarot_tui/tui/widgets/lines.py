"""Lines made of runs that each have a role: the base of every widget of ours that shows readings."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

#: (role, text): the role's look is the component class ``<PREFIX>--<role>``; an empty role is the widget's own look.
Run = tuple[str, str]
Runs = list[Run]


def width_of(runs: Sequence[Run]) -> int:
    """The cells that ``runs`` take."""
    return sum(cell_len(text) for _, text in runs)


def spread(left: Runs, right: Runs, width: int) -> Runs:
    """``left`` at the left edge, ``right`` at the right one; what does not fit of ``left`` is cut."""
    room = width - width_of(right)
    return [*fit(left, room - 1), ("", " "), *right] if right else fit(left, width)


def fit(runs: Sequence[Run], width: int) -> Runs:
    """``runs`` cut or filled with spaces to exactly ``width`` cells."""
    result: Runs = []
    room = max(width, 0)
    for role, text in runs:
        size = cell_len(text)
        if size > room:
            text, size = set_cell_size(text, room), room
        result.append((role, text))
        room -= size
    return [*result, ("", " " * room)] if room else result


def flow(items: Sequence[Runs], width: int, gap: int = 3) -> list[Runs]:
    """``items`` side by side, ``gap`` cells apart, on as many lines of ``width`` cells as they need."""
    lines: list[Runs] = []
    for item in items:
        if lines and width_of(lines[-1]) + gap + width_of(item) <= width:
            lines[-1] = [*lines[-1], ("", " " * gap), *item]
        else:
            lines.append(list(item))
    return lines


def bar(share: float, width: int, role: str) -> Runs:
    """A bar of ``width`` cells, filled to ``share`` (0 to 1) in steps of half a cell, over a ``track``.

    Braille, since blocks and lines are two cells wide in some terminals.
    """
    halves = round(max(0.0, min(share, 1.0)) * width * 2)
    filled = "⠶" * (halves // 2) + "⠆" * (halves % 2)
    return [(role, filled), ("track", "⠤" * (width - len(filled)))]


def chop_words(text: str, width: int) -> list[str]:
    """``text`` on lines of at most ``width`` cells, broken at spaces where there are any."""
    lines: list[str] = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
        else:
            pieces = chop_cells(word, max(width, 2))
            lines += pieces if lines[-1] else pieces[1:]
            if not lines[0]:
                lines[0] = pieces[0]
    return lines


class Lines(Widget):
    """Shows what :meth:`compose_lines` returns and repaints only the lines that differ from what it showed."""

    PREFIX = "lines"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: list[Runs] = []

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """The lines to show in this many cells. ``height`` is what there is; more lines may be returned when it is auto."""
        raise NotImplementedError

    def renew(self) -> None:
        """Look at the data again; what changed is repainted."""
        width, height = self.size
        before, self._shown = self._shown, self.compose_lines(width, height)
        if len(before) != len(self._shown) and self.styles.is_auto_height:
            self.refresh(layout=True)
            return
        changed = [
            Region(0, y, width, 1)
            for y in range(max(len(before), len(self._shown)))
            if before[y : y + 1] != self._shown[y : y + 1]
        ]
        if changed:
            self.refresh(*changed)

    def on_resize(self) -> None:
        """Lay the lines out for the new size."""
        self._shown = self.compose_lines(*self.size)
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are to show."""
        return len(self.compose_lines(width, container.height))

    def render_line(self, y: int) -> Strip:
        """One line for Textual's compositor."""
        width, base = self.size.width, self._style_of("")
        if y >= len(self._shown):
            return Strip.blank(width, base)
        segments = [Segment(text, self._style_of(role)) for role, text in self._shown[y] if text]
        return Strip(segments).adjust_cell_length(width, base)

    def _style_of(self, role: str) -> Style:
        names = (f"{self.PREFIX}--{role}",) if role else ()
        return self.get_visual_style(*names).rich_style
