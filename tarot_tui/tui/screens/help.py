"""The help: every key of the screen below, from the same table that binds them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tarot_tui.locale import _
from tarot_tui.tui.keys import Key


class HelpScreen(ModalScreen[None]):
    """Keys and what they do; any of the usual keys closes it."""

    BINDINGS = [Binding("escape,question_mark,f1,q,enter", "dismiss", show=False)]

    def __init__(self, table: Sequence[Key]) -> None:
        super().__init__()
        self._table = table

    def compose(self) -> ComposeResult:
        """One line per key."""
        with VerticalScroll(id="help"):
            yield Static(Content.styled(_("Keys"), "bold $primary"))
            for key in self._table:
                yield Static(
                    Content.styled(key.shown.ljust(8), "bold $footer-key-foreground") + Content(_(key.help)),
                    classes="key",
                )
            yield Static(Content.styled("\n" + _("esc closes this."), "$text-muted"))
