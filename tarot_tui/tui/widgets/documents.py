"""Documents to tick: the list at the top of the Dataset step, and the one to browse for more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tarot_tui.tui.keys import LIST, TICK, bindings


class Documents(OptionList, inherit_bindings=False):
    """Files to tick. Enter is left to the main button, and at either end the arrows leave the list.

    A tick is drawn as ``[x]``: Textual's own is told from none by its colour alone.
    """

    KEYS = (*LIST[:2], *TICK)
    BINDINGS = bindings(KEYS)

    class Changed(Message):
        """Other documents are ticked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True, markup=False)
        self._files: list[tuple[str, Content]] = []
        self._ticked: set[str] = set()

    @property
    def known(self) -> list[str]:
        """Every file that is listed."""
        return [path for path, _label in self._files]

    @property
    def selected(self) -> list[str]:
        """The files that are ticked, in the order of the list."""
        return [path for path in self.known if path in self._ticked]

    def show(self, files: Sequence[tuple[str, Content]], ticked: Iterable[str]) -> None:
        """List these; tells nobody."""
        place = self.highlighted or 0
        self._files, self._ticked = list(files), set(ticked)
        self.clear_options()
        self.add_options([Option(self._line(index)) for index in range(len(self._files))])
        if self._files:
            self.highlighted = min(place, len(self._files) - 1)

    def deselect(self, path: str) -> None:
        """Take the tick from a file."""
        if path in self._ticked:
            self._turn(self.known.index(path))

    def action_toggle(self) -> None:
        """Tick the file, or take the tick from it."""
        if self.highlighted is not None:
            self._turn(self.highlighted)

    def action_move(self, by: int) -> None:
        """The next file, or out of the list."""
        place = (self.highlighted or 0) + by
        if self.highlighted is not None and 0 <= place < self.option_count:
            self.highlighted = place
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The mouse ticks, too."""
        event.stop()
        self._turn(event.option_index)

    def _turn(self, index: int) -> None:
        self._ticked ^= {self._files[index][0]}
        self.replace_option_prompt_at_index(index, self._line(index))
        self.post_message(self.Changed())

    def _line(self, index: int) -> Content:
        path, label = self._files[index]
        return Content("[x] " if path in self._ticked else "[ ] ") + label
