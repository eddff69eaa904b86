"""How the model is asked: system prompt, sampling, and the model to compare it with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static, TextArea

from tarot_tui.errors import BadInput
from tarot_tui.locale import N_, _
from tarot_tui.serving.sampling import OPTIONS
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.widgets.choice import Choice

KEYS: tuple[Key, ...] = table(
    "chat_settings",
    Key("ctrl+o", "ctrl+o", "use", N_("use these"), N_("Ask the model this way from now on.")),
    Key("escape", "esc", "dismiss(None)", N_("leave"), N_("Leave the settings as they were."), name="leave"),
    Key("down", "↓ tab", "app.focus_next", N_("down"), N_("Go to the next field or button.")),
    Key("up", "↑", "app.focus_previous", N_("up"), N_("Go to the field or button before.")),
)
_USE, _LEAVE, *_MOVES = KEYS


@dataclass(frozen=True)
class Settings:
    """system: None for the trained one, empty for none. options: by name, only those that were set.

    other: the model to compare with, None for none. blind: whether its name is hidden until the votes are counted.
    """

    system: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    other: str | None = None
    blind: bool = False


class ChatSettings(ModalScreen[Settings | None]):
    """Dismissed with the new settings, or None when they stay as they are."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    ChatSettings { align: center middle; }
    ChatSettings > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; overflow-y: auto;
        background: $panel; border: none;
    }
    ChatSettings TextArea { height: 3; background: $surface; margin-bottom: 1; }
    ChatSettings .label { width: 16; }
    ChatSettings #what { height: 2; margin-top: 1; color: $text-muted; }
    ChatSettings #wrong { color: $text-error; height: auto; }
    ChatSettings #actions { height: 1; margin-top: 1; }
    """

    def __init__(self, settings: Settings, trained: str, others: list[str]) -> None:
        """``trained``: the system prompt the model was trained with. ``others``: models to compare with."""
        super().__init__()
        self._settings, self._trained, self._others = settings, trained, others

    def compose(self) -> ComposeResult:
        """The system prompt, the numbers, the other model."""
        given = self._settings
        with Vertical():
            yield Static(_("System prompt"), classes="heading", markup=False)
            text = TextArea(
                self._trained if given.system is None else given.system,
                id="system",
                compact=True,
                tab_behavior="focus",
            )
            text.cursor_blink = False
            yield text
            for option in OPTIONS.values():
                box = Input(str(given.options.get(option.name, "")), compact=True, id=option.name)
                box.cursor_blink = False
                yield Horizontal(Label(option.name, classes="label"), box, classes="row")
            others = [("–", None), *((name, name) for name in self._others)]
            yield Horizontal(
                Label(_("Compare with"), classes="label"),
                Choice(others, given.other, id="other"),
                classes="row",
            )
            yield Horizontal(
                Label(_("Blind vote"), classes="label"),
                Choice([(_("no"), False), (_("yes: hide which is which"), True)], given.blind, id="blind"),
                classes="row",
            )
            yield Static(id="what", markup=False)
            yield Static(id="wrong", markup=False)
            with Horizontal(id="actions"):
                use, leave = (key.now(self.app.keymap) for key in (_USE, _LEAVE))
                yield Button(
                    _("Use these ({key})").format(key=use), id="use", variant="primary", compact=True
                )
                yield Button(_("As it was trained"), id="trained", compact=True)
                yield Button(_("Leave ({key})").format(key=leave), id="leave", compact=True)

    def on_descendant_focus(self) -> None:
        """Say what the field is for that is being written in."""
        field = self.focused.id if self.focused else ""
        if option := OPTIONS.get(field or ""):
            text = f"{_(option.help)} ({option.range})"
        else:
            text = {
                "system": _("What the model is told before the conversation; empty: nothing."),
                "other": _("This model is asked the same, and answers beside the first (← → choose)."),
                "blind": _("Which model says what is hidden, and you say which answer is better."),
            }.get(field or "", "")
        self.query_one("#what", Static).update(text)

    def action_use(self) -> None:
        """Take what is written, or say what is wrong with it."""
        try:
            options = {
                name: option.parse(text)
                for name, option in OPTIONS.items()
                if (text := self.query_one(f"#{name}", Input).value.strip())
            }
        except BadInput as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        system = self.query_one("#system", TextArea).text
        self.dismiss(
            Settings(
                system=None if system == self._trained else system,
                options=options,
                other=self.query_one("#other", Choice).value,
                blind=bool(self.query_one("#blind", Choice).value),
            )
        )

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Use, back to the trained ones, or leave."""
        event.stop()
        match event.button.id:
            case "use":
                self.action_use()
            case "trained":
                self.query_one("#system", TextArea).text = self._trained
                for name in OPTIONS:
                    self.query_one(f"#{name}", Input).value = ""
            case _:
                self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field uses them."""
        event.stop()
        self.action_use()
