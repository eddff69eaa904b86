"""The keys that matter now, on the last line of a screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.tui.keys import Key

#: Keys at the end of a table that are shown at any width: the way to help, and out.
_ALWAYS = 2


class KeyLine(Widget):
    """As many keys of a table as fit, in its order; the last two always. Repaints only when it changes."""

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys

    def render(self) -> Content:
        """The line, without the keys for which there is no room."""
        pieces = [
            Content.styled(key.now(self.app.keymap), "bold $footer-key-foreground")
            + Content(f" {_(key.label)}  ")
            for key in self._keys
            if not key.quiet
        ]
        while len(pieces) > _ALWAYS and sum(piece.cell_length for piece in pieces) > self.size.width + 2:
            del pieces[-1 - _ALWAYS]
        return Content("").join(pieces)
