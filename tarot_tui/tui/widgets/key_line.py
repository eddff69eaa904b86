"""The keys that matter now, on the last line."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.tui.keys import Key


class KeyLine(Widget):
    """As many keys of a table as fit, in its order. Unlike Textual's Footer it repaints only when it changes."""

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def render(self) -> Content:
        """The line, cut at a whole key."""
        line = Content("")
        for key in self._keys:
            if key.quiet:
                continue
            piece = Content.styled(key.shown, "bold $footer-key-foreground") + Content(f" {_(key.label)}  ")
            if line.cell_length + piece.cell_length > self.size.width + 2:
                break
            line += piece
        return line
