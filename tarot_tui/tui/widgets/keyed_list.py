"""A list of options whose keys are those of every list, from the tables."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import OptionList

from tarot_tui.tui.keys import LIST, Key, bindings


class KeyedList(OptionList, inherit_bindings=False):
    """Textual's list. Enter is left to the screen, unless a list binds it."""

    KEYS: tuple[Key, ...] = LIST
    BINDINGS: list[Binding] = bindings(LIST)  # type: ignore[assignment]

    def action_move(self, by: int) -> None:
        """The next option, or the one before."""
        if by > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()

    def action_page(self, by: int) -> None:
        """Down or up by what is in sight."""
        if by > 0:
            self.action_page_down()
        else:
            self.action_page_up()
