"""A question before something that cannot be taken back: what will happen, yes or no."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tarot_tui.locale import N_, _
from tarot_tui.tui.keys import Key, bindings, table

KEYS: tuple[Key, ...] = table(
    "confirm",
    Key("y", "y", "dismiss(True)", N_("yes"), N_("Do it."), name="yes"),
    Key("n,escape,q", "n", "dismiss(False)", N_("no"), N_("Change nothing."), name="no"),
    Key("left,right,up,down", "← →", "app.focus_next", N_("other"), N_("Go to the other button."), name="other"),
)  # fmt: skip
_YES, _NO, _OTHER = KEYS


class Confirm(ModalScreen[bool]):
    """Dismissed with True for yes. ``y`` and ``n`` answer at once; the safe answer has the focus."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Vertical {
        width: 64; max-width: 95%; height: auto; padding: 1 2;
        background: $panel; border: round $primary;
    }
    Confirm .question { text-style: bold; color: $text-primary; height: auto; }
    Confirm .effect { height: auto; margin: 1 0; }
    Confirm Horizontal { height: auto; }
    Confirm Button { margin-right: 2; }
    """

    def __init__(self, question: str, effect: str, yes: str, no: str = "") -> None:
        super().__init__()
        self._question, self._effect, self._yes, self._no = question, effect, yes, no or _("No")

    def compose(self) -> ComposeResult:
        """The question, what yes means, two buttons."""
        yes, no = (key.now(self.app.keymap) for key in (_YES, _NO))
        with Vertical():
            yield Static(self._question, classes="question", markup=False)
            yield Static(self._effect, classes="effect", markup=False)
            with Horizontal():
                yield Button(f"{self._no} ({no})", id="no", compact=True)
                yield Button(f"{self._yes} ({yes})", id="yes", variant="warning", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A button was chosen."""
        event.stop()
        self.dismiss(event.button.id == "yes")
