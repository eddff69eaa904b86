"""Documents to tick: the list at the top of the Dataset step."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import SelectionList


class Documents(SelectionList[str], inherit_bindings=False):
    """Files to tick. Enter is left to the main button, and at either end the arrows leave the list."""

    BINDINGS = [
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("space", "select", show=False),
    ]

    def action_move(self, by: int) -> None:
        """The next file, or out of the list."""
        place = (self.highlighted or 0) + by
        if self.highlighted is not None and 0 <= place < self.option_count:
            self.highlighted = place
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()
