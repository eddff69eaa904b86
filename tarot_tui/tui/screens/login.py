"""Who we are to the Hugging Face hub: a token is pasted unseen, checked, and kept where the hub's own tools look."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.widgets import Input, Static

from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.tui import child
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.shell_line import ShellLine

_TOKENS = "https://huggingface.co/settings/tokens"

_KEYS: tuple[Key, ...] = table(
    "login",
    Key("enter", "enter", "", N_("log in"), N_("Have the hub check the token and keep it.")),
    Key("x", "x", "logout", N_("log out"), N_("Remove the token from this machine.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell."), quiet=True),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("escape,q", "esc", "leave", N_("back"), N_("Go back to where you came from.")),
)


class LoginScreen(LookScreen):
    """Log in and out. Dismissed with whether the account is another one."""

    AUTO_FOCUS = "#token"
    KEYS = _KEYS
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    LoginScreen .about { padding: 0 1; height: auto; }
    LoginScreen #token { margin: 1 1; width: 64; max-width: 95%; }
    """

    def __init__(self, project: Project, why: str = "") -> None:
        """``why``: what it is needed for, where it is."""
        super().__init__()
        self.project = project
        self._why = why
        self._changed = False
        self._logged_in = False

    def compose(self) -> ComposeResult:
        """What it is for, where tokens are made, the field, what happened."""
        yield Caption(_("Hugging Face account"))
        words = [
            self._why,
            _("Gated and private models need a token; public ones do not."),
            _("Make one at {url}: 'read' downloads, 'write' also publishes.").format(url=_TOKENS),
        ]
        yield Static("\n".join(filter(None, words)), classes="about", markup=False)
        token = Input(
            id="token", password=True, compact=True, placeholder=_("paste the token here; it is not shown")
        )
        token.cursor_blink = False
        yield token
        yield Static(_("Asking the hub…"), id="notice", markup=False)
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    def on_mount(self) -> None:
        """Say who we are."""
        self.query_one(ShellLine).show(["login"])
        self.in_background(self._tell, "account")

    show_again = on_mount

    async def _tell(self) -> None:
        self._show((await child.run(self.project, ["login", "--status"])).expect_success())

    def is_possible(self, verb: str) -> bool:
        """Only who is logged in can log out."""
        return verb != "logout" or self._logged_in

    def _show(self, account: dict[str, Any] | None) -> None:
        self._logged_in = bool(account)
        # Nothing has to be typed any more, so that letters are keys.
        self.set_focus(None if account else self.query_one("#token"))
        self.refresh_bindings()
        if not account:
            self.say(_("Nobody is logged in on this machine."))
            return
        may = (
            _("it may download and publish")
            if account["may_write"]
            else _("it may download, but not publish")
        )
        self.say(
            _("Logged in as {name}; {rights}.").format(name=account["name"], rights=may)
            + "\n"
            + _("The token is in {where}.").format(where=account["where"])
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Check the token and keep it; the field forgets it at once."""
        event.stop()
        token, event.input.value = event.value, ""
        self.say(_("Asking the hub…"))
        self.in_background(lambda: self._login(token), "account")

    async def _login(self, token: str) -> None:
        # Through standard input: in the list of processes everybody would see it.
        answer = await child.run(self.project, ["login"], given=token)
        self._show(answer.expect_success())
        self._changed = True

    def action_logout(self) -> None:
        """Remove the token."""
        self.in_background(self._logout, "account")

    async def _logout(self) -> None:
        (await child.run(self.project, ["login", "--logout"])).expect_success()
        self._changed = True
        await self._tell()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(self._changed)
