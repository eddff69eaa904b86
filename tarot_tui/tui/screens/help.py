"""The help: what the field in focus is for, then every key of the screen below, from the table that binds them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tarot_tui.locale import _
from tarot_tui.tui import keymap
from tarot_tui.tui.keys import Key


class HelpScreen(ModalScreen[None]):
    """Any of the usual keys closes it."""

    BINDINGS = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("W", "app.glossary", show=False),
    ]

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen #help {
        width: 92; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        background: $panel; border: round $primary; scrollbar-size-vertical: 1;
    }
    HelpScreen Horizontal { height: auto; }
    HelpScreen .key { width: 1fr; height: auto; }
    HelpScreen .about { margin-bottom: 1; }
    HelpScreen .foot { margin-top: 1; color: $text-muted; }
    """

    def __init__(self, table: Sequence[Key], about: str = "") -> None:
        """``about``: what the field in focus is for."""
        super().__init__()
        self._table = table
        self._about = about

    def compose(self) -> ComposeResult:
        """What it is about; one line per key; how to change them."""
        own = self.app.keymap
        width = max((cell_len(key.now(own)) for key in self._table), default=0) + 2
        with VerticalScroll(id="help"):
            if self._about:
                yield Static(Content.styled(_("This field"), "bold $primary"))
                yield Static(self._about, classes="about", markup=False)
            yield Static(Content.styled(_("Keys"), "bold $primary"))
            for key in self._table:
                shown = Static(Content.styled(key.now(own), "bold $footer-key-foreground"), classes="shown")
                shown.styles.width = width
                yield Horizontal(shown, Static(_(key.help), classes="key", markup=False))
            yield Static(
                _(
                    "W: what the words mean. esc closes this. Other keys: write {file}; 'tarot-tui keys' prints how."
                ).format(file=keymap.path()),
                classes="foot",
                markup=False,
            )

    def action_scroll(self, by: int) -> None:
        """Down or up by a line."""
        self.query_one("#help").scroll_relative(y=by, animate=False)
