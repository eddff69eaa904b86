"""Lines made of runs that each have a role: the base of every widget of ours that shows readings."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tarot_tui.tui.spans import Runs


class Lines(Widget):
    """Shows what :meth:`compose_lines` returns and repaints only the lines that differ from what it showed."""

    PREFIX = "lines"
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: list[Runs] = []
        self._looks: dict[str, Style] = {}

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

    def notify_style_update(self) -> None:
        """Look the roles up again."""
        super().notify_style_update()
        self._looks.clear()

    def _style_of(self, role: str) -> Style:
        if role not in self._looks:
            names = (f"{self.PREFIX}--{role}",) if role else ()
            self._looks[role] = self.get_visual_style(*names).rich_style
        return self._looks[role]
