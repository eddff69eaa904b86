"""The help: what the field in focus is for, then every key of the screen below, from the table that binds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from tarot_tui.locale import N_, _
from tarot_tui.tui import keymap, keys
from tarot_tui.tui.keys import Key, bindings, table

KEYS: tuple[Key, ...] = table(
    "help",
    Key("escape,question_mark,f1,q,enter", "esc", "dismiss", N_("close"), N_("Close the help."), name="close"),
    Key("down,j", "↓ j", "scroll(1)", N_("down"), N_("Show what is below."), name="down"),
    Key("up,k", "↑ k", "scroll(-1)", N_("up"), N_("Show what is above."), name="up"),
    Key("W", "W", "app.glossary", N_("words"), N_("Look a word up: what a LoRA, an epoch, a quantisation is.")),
)  # fmt: skip


def show_help(screen: Screen[Any], about: str = "") -> None:
    """Lay the help over ``screen``. ``about``: what the field in focus is for."""
    screen.app.push_screen(HelpScreen(tuple(keys.at_hand(screen)), about))


class HelpScreen(ModalScreen[None]):
    """Any of the usual keys closes it."""

    BINDINGS = bindings(KEYS)
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
