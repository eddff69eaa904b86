"""One sample to read: as question and answer, or as the model will see it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tarot_tui.data.preview import Shown
from tarot_tui.locale import N_, _
from tarot_tui.text import plain
from tarot_tui.training.as_trained import View
from tarot_tui.tui.keys import LIST, bindings

#: Characters of one text that are shown; what is longer, nobody reads here.
_LONG = 20_000
_WHO = {"system": N_("system"), "user": N_("question"), "assistant": N_("answer")}
#: Told apart without colours too: what is learned is underlined, what is cut is struck through.
_LOOKS = {"read": "$text-muted", "learned": "underline $text-success", "cut": "strike $text-error"}


class SampleView(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls up and down only, so that left and right stay free for other samples."""

    KEYS = LIST[:4]
    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    SampleView { height: 1fr; scrollbar-size-vertical: 1; }
    SampleView Static { height: auto; }
    SampleView #legend { margin-bottom: 1; color: $text-muted; }
    """

    def compose(self) -> ComposeResult:
        """A line about it, and the sample."""
        yield Static(id="legend", markup=False)
        yield Static(id="sample", markup=False)

    def show(self, shown: Shown) -> None:
        """As question and answer; dim when it is left out, as it stands when it cannot be read."""
        if shown.problem:
            self._fill(Content.styled(plain(shown.problem), "$text-error"), Content(_cut(shown.text)))
            return
        style = "dim strike" if shown.state == "dropped" else ""
        # Two columns: a Chinese sentence is one long word, which would leave its name alone on a line.
        table = Table.grid(padding=(0, 2, 1, 0))
        for message in shown.messages:
            who = Text(_(_WHO[message["role"]]), "bold")
            table.add_row(who, Text(_cut(message["content"]), style, overflow="fold"))
        self._fill("", table)

    def show_view(self, view: View) -> None:
        """As the model will see it."""
        legend = _("{tokens:,} tokens; learned and underlined: {learned:,}").format(
            tokens=view.tokens, learned=view.learned
        )
        if view.cut:
            legend += _("; cut off and struck through: {cut:,}").format(cut=view.cut)
        self._fill(
            legend, Content("").join(Content.styled(_cut(text), _LOOKS[role]) for role, text in view.parts)
        )

    def action_move(self, by: int) -> None:
        """Scroll by a line."""
        self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by what is in sight."""
        self.scroll_relative(y=by * max(1, self.size.height - 1), animate=False)

    def wait(self, words: str) -> None:
        """Say what is being waited for."""
        self._fill(words, "")

    def _fill(self, legend: Content | str, sample: Content | Table | str) -> None:
        line = self.query_one("#legend", Static)
        line.display = bool(legend)
        line.update(legend)
        self.query_one("#sample", Static).update(sample)
        self.scroll_home(animate=False)


def _cut(text: str) -> str:
    if len(text) <= _LONG:
        return plain(text)
    return plain(text[:_LONG]) + _(" … and {count:,} characters more").format(count=len(text) - _LONG)
