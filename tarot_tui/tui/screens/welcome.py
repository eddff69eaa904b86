"""The screen before the first step: there is no project here yet, so one is offered."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Input, Label, Static

from tarot_tui.errors import TarotError
from tarot_tui.locale import N_, _
from tarot_tui.tui.child import typed
from tarot_tui.tui.keys import Key, bindings, table

KEYS: tuple[Key, ...] = table(
    "welcome",
    Key("enter", "enter", "create(True)", N_("create"), N_("Make the project.")),
    Key("down", "↓ tab", "app.focus_next", N_("next field"), N_("Go to the next field or button.")),
    Key("up", "↑", "app.focus_previous", N_("up"), N_("Go to the field or button before."), quiet=True),
    Key("escape", "esc", "step_out", N_("step out"), N_("Leave the field."), quiet=True),
    Key("q", "q", "app.leave", N_("quit"), N_("Leave; nothing has been written.")),
)


class WelcomeScreen(Screen[None]):
    """One question: where, and with our example or empty."""

    AUTO_FOCUS = "#example"
    BINDINGS = bindings(KEYS)

    def __init__(self, folder: Path) -> None:
        super().__init__(id="welcome")
        self._folder = folder

    def compose(self) -> ComposeResult:
        """A sentence, the folder, two buttons, and the same from the shell."""
        from tarot_tui.tui.widgets.key_line import KeyLine

        with Vertical(id="pane"):
            yield Static(Content.styled("tarot-tui", "bold $primary"))
            yield Static(
                _("From a folder of documents to your own chat model, in seven steps."), id="purpose"
            )
            yield Static(
                _(
                    "There is no project here yet. A project is a folder that holds everything: documents, "
                    "datasets, runs, models. It can be moved and copied freely."
                )
            )
            yield Label(_("Folder"), classes="field")
            yield Input(str(self._folder), id="folder", compact=True)
            yield Button(_("Create it with the example: 78 tarot cards to learn"), id="example", compact=True)
            yield Button(_("Create it empty: I have documents of my own"), id="empty", compact=True)
            yield Static(id="notice", markup=False)
            yield Static(id="shell", markup=False)
        yield KeyLine(KEYS)

    def on_mount(self) -> None:
        """Say the command for what the buttons would do."""
        self._show_command()
        self.query_one(Input).cursor_blink = False

    def on_input_changed(self) -> None:
        """Another folder, another command."""
        self._show_command()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the folder field takes the first button."""
        self.action_create(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two ways was chosen."""
        self.action_create(event.button.id == "example")

    def action_create(self, example: bool) -> None:
        """Make the project and open its first step; what is in the way is said here."""
        from tarot_tui.project import create

        try:
            project = create(Path(self.query_one(Input).value).expanduser(), example=example)
        except TarotError as error:
            self.query_one("#notice", Static).update(Content.styled(str(error), "$text-error"))
            return
        self.app.open(project)

    def action_step_out(self) -> None:
        """Leave the folder field."""
        self.query_one("#example").focus()

    def _show_command(self) -> None:
        argv = ["init", self.query_one(Input).value, "--example"]
        self.query_one("#shell", Static).update(
            Content.styled(_("the same from the shell:") + " ", "$text-muted") + Content(typed(argv))
        )
