"""The line above a part of a screen: its name, and on the right what there is to say about it."""

from __future__ import annotations

from tarot_tui.tui.spans import Runs, spread
from tarot_tui.tui.widgets.lines import Lines


class Caption(Lines):
    """One line: a name in bold, words behind it, and words at the right edge."""

    PREFIX = "caption"
    COMPONENT_CLASSES = {"caption--name", "caption--note", "caption--raw", "caption--smooth", "caption--bad"}
    DEFAULT_CSS = """
    Caption { height: 1; }
    Caption .caption--name { color: $text-primary; text-style: bold; }
    Caption .caption--note { color: $text-muted; }
    Caption .caption--raw { color: $loss; }
    Caption .caption--smooth { color: $loss-smooth; text-style: bold; }
    Caption .caption--bad { color: $error; text-style: bold; }
    """

    def __init__(self, name: str, note: Runs | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._heading = name
        self._note = note or []
        self._right: Runs = []

    def show(self, right: Runs) -> None:
        """Say something at the right edge."""
        self._right = right
        self.renew()

    def say(self, words: str) -> None:
        """Say something behind the name."""
        self._note = [("note", words)]
        self.renew()

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """The one line."""
        name: Runs = [("name", self._heading), ("", "  ")] if self._heading else []
        return [spread([*name, *self._note], self._right, width)]
