"""The keys that matter now, on the last line of a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.css.query import NoMatches
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.tui.keys import Key

#: Keys at the end of the line that are shown at any width: the way to help, and out.
_ALWAYS = 2


class KeyLine(Widget):
    """As many keys of a table as fit, in its order; the last two always. Repaints only when it changes.

    Left out is what the screen calls impossible at the moment (``is_possible(verb)``, where it has that), and while a
    field is typed into what would be typed.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = keys
        self._shown: list[tuple[str, str]] = []

    def on_mount(self) -> None:
        """Follow the focus, and what the screen can do."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self._renew())

    def _renew(self) -> None:
        if list(self._now()) != self._shown:
            self.refresh()

    def _now(self) -> Iterator[tuple[str, str]]:
        """What is pressed now, and what it does."""
        field = self.screen.focused
        typing = field is not None and field.check_consume_key("a", "a")
        for key in self._keys:
            leaves_a_field = typing and key.verb == "step_out"
            if (key.quiet and not leaves_a_field) or not self._is_possible(key.verb):
                continue
            pressed = (key.while_typing if typing else key.now)(self.app.keymap)
            if pressed:
                yield pressed, _(key.label)

    def _is_possible(self, verb: str) -> bool:
        possible = getattr(self.screen, "is_possible", None)
        try:
            return possible is None or possible(verb)
        except NoMatches:
            return False  # a screen that is being left, or composed anew, lacks its parts for a moment

    def render(self) -> Content:
        """The line, without the keys for which there is no room."""
        self._shown = list(self._now())
        pieces = [
            Content.styled(key, "bold $footer-key-foreground") + Content(f" {label}  ")
            for key, label in self._shown
        ]
        while len(pieces) > _ALWAYS and sum(piece.cell_length for piece in pieces) > self.size.width + 2:
            del pieces[-1 - _ALWAYS]
        return Content("").join(pieces)
