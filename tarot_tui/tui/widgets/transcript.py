"""What was said to one model, one bubble a turn."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tarot_tui.locale import _
from tarot_tui.text import plain


class Transcript(VerticalScroll, can_focus=False):
    """A column of bubbles; the last one grows while an answer arrives. ``label``: who answers here."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; }
    Transcript Static { height: auto; margin-bottom: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.label = _("model")
        self._answer = ""
        self._bubble: Static | None = None

    def say(self, who: str, text: str) -> None:
        """A finished bubble: what the user asked, or the system prompt."""
        self._mount(_written(who, text, muted=who == _("system")))

    def begin(self) -> None:
        """An answer is about to come."""
        self._answer = ""
        self._bubble = self._mount(_written(self.label, ""))

    def add(self, piece: str) -> None:
        """Some more of it."""
        self._answer += piece
        if self._bubble:
            self._bubble.update(_written(self.label, self._answer))
            self.scroll_end(animate=False)

    def end(self, remark: str) -> None:
        """It is complete; ``remark`` says what it cost. An empty answer leaves no bubble."""
        bubble, self._bubble = self._bubble, None
        if bubble is None:
            return
        if not self._answer:
            bubble.remove()
            return
        bubble.update(_written(self.label, self._answer) + Content.styled(f"  {remark}", "$text-muted"))
        self.scroll_end(animate=False)

    def drop_answer(self) -> None:
        """Take the last answer away, to make room for another one."""
        if bubbles := self.query(Static):
            bubbles.last().remove()

    def clear(self) -> None:
        """Begin anew."""
        self._bubble = None
        self.remove_children()

    def _mount(self, content: Content) -> Static:
        bubble = Static(content)
        self.mount(bubble)
        self.scroll_end(animate=False)
        return bubble


def _written(who: str, text: str, *, muted: bool = False) -> Content:
    return Content.styled(f"{who}  ", "$text-muted" if muted else "bold $primary") + Content(plain(text))
