"""One of a few: a field of one line, changed with the arrow keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from tarot_tui.locale import N_
from tarot_tui.tui.keys import Key, bindings, table

Value = TypeVar("Value")

KEYS: tuple[Key, ...] = table(
    "choice",
    Key("right,space", "→", "turn(1)", N_("next one"), N_("Choice: the next one."), quiet=True, name="next"),
    Key("left", "←", "turn(-1)", N_("one before"), N_("Choice: the one before."), quiet=True, name="before"),
)  # fmt: skip


class Choice(Widget, Generic[Value], can_focus=True):
    """Shows the chosen label; left, right and space change it. Up and down stay free for moving between fields.

    Textual's Select opens an overlay on every arrow key and needs three lines; this one needs neither.
    """

    KEYS = KEYS
    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    Choice { height: 1; background: $surface; }
    Choice:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """

    class Changed(Message):
        """Another value was chosen."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> Choice:
            """The field, so that handlers can select by it."""
            return self.choice

    def __init__(
        self,
        options: Sequence[tuple[str, Value]] = (),
        value: Value | None = None,
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``options`` are pairs of label and value."""
        super().__init__(id=id, classes=classes)
        self._options = list(options)
        self._index = self._place(value)

    @property
    def value(self) -> Value | None:
        """What is chosen; None when there is nothing to choose from."""
        return self._options[self._index][1] if self._options else None

    @property
    def values(self) -> list[Value]:
        """Everything that can be chosen."""
        return [value for _label, value in self._options]

    def set_options(self, options: Sequence[tuple[str, Value]], value: Value | None = None) -> None:
        """Offer others; ``value`` (default: what is chosen now) is chosen if it is among them. Tells nobody."""
        kept = self.value if value is None else value
        self._options = list(options)
        self._index = self._place(kept)
        self.refresh()

    def choose(self, value: Value) -> None:
        """Choose ``value`` and tell."""
        if value != self.value and value in self.values:
            self._index = self._place(value)
            self.refresh()
            self.post_message(self.Changed(self))

    def action_turn(self, by: int) -> None:
        """Choose the next (or the one before), around the end."""
        if self._options:
            self.choose(self._options[(self._index + by) % len(self._options)][1])

    def _place(self, value: Value | None) -> int:
        return next((i for i, (_label, one) in enumerate(self._options) if one == value), 0)

    def render(self) -> Content:
        """The label, between the arrows that change it."""
        if not self._options:
            return Content("–")
        label = Content(self._options[self._index][0])
        if len(self._options) == 1:
            return label
        place = Content.styled(
            f"  {self._index + 1}/{len(self._options)}", "" if self.has_focus else "$text-muted"
        )
        return Content("< ") + label + Content(" >") + place
