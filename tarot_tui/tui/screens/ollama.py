"""Step 6: into Ollama, where there is one; and what to do where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.ollama_host import ollama_url
from tarot_tui.text import one_line, size
from tarot_tui.tui import child, commands, steps
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.finding_list import FindingList


class OllamaScreen(StepScreen):
    """Looks whether a server answers, and imports a release into it."""

    STEP = "ollama"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.importing = False

    def body(self) -> Iterable[Widget]:
        """What, where to, under which name; then what the server says."""
        host = Input(id="host", compact=True, placeholder=_("this machine, or what OLLAMA_HOST says"))
        name = Input(id="as", compact=True)
        host.cursor_blink = name.cursor_blink = False
        yield Vertical(
            Horizontal(Label(_("Model"), classes="label"), Choice(id="release"), classes="row"),
            Horizontal(Label(_("Name there"), classes="label"), name, classes="row"),
            Horizontal(Label(_("Server"), classes="label"), host, classes="row"),
            id="request",
        )
        yield Static(id="server", markup=False)
        yield Static(id="progress", markup=False)
        yield FindingList(id="proofs")

    def buttons(self) -> Iterable[Button]:
        """The step is optional."""
        yield Button(_("Skip: Chat works without Ollama (n)"), id="skip", compact=True)

    def look(self) -> None:
        """Offer the releases, and ask the server whether it is there."""
        if self.importing:
            return
        names = steps.release_names(self.project)
        chosen = self.project.recall("release")
        self.query_one("#release", Choice).set_options(
            [(name, name) for name in names], chosen if chosen in names else (names or [None])[-1]
        )
        self.query_one("#skip").display = bool(names)
        if not names:
            self.say(_("There is no model yet: export a finished run first."))
            self.offer(_("Go to Export"), self.action_previous)
            return
        self._name_after_release()
        self._ask_server()

    # ---- is it there

    def _ask_server(self) -> None:
        self._show_command()
        self.say(_("Asking {url}…").format(url=self.url))
        self.offer(_("Import into Ollama"), None)
        self.in_background(self._asked(), "ask")

    async def _asked(self) -> None:
        try:
            version = await in_daemon(_version, self.host)
        except TarotError:
            self.query_one("#server", Static).update(
                _(
                    "No Ollama answers at {url}. You need none: Chat runs the same file through llama.cpp. To have it "
                    "here, install it from ollama.com/download and run 'ollama serve', or name a server above; r asks "
                    "again."
                ).format(url=self.url)
            )
            self.say("")
            self.offer_next()
            return
        self.query_one("#server", Static).update(
            _("Ollama {version} answers at {url}.").format(version=one_line(version, 20), url=self.url)
        )
        self._offer_import()

    def _offer_import(self) -> None:
        self.say(
            _("Will upload the model file, and compare the prompts that Ollama makes with the trained ones.")
        )
        self.offer(_("Import into Ollama"), self._import)

    @property
    def host(self) -> str | None:
        """The server asked for; None for the usual one."""
        return self.query_one("#host", Input).value.strip() or None

    @property
    def url(self) -> str:
        """Where that is."""
        return ollama_url(self.host)

    # ---- the import

    def _argv(self, *, replace: bool = False) -> list[str]:
        release = self.query_one("#release", Choice).value or ""
        name = self.query_one("#as", Input).value.strip()
        return commands.ollama_import(
            release, name="" if name == release else name, host=self.host or "", replace=replace
        )

    def _import(self, *, replace: bool = False) -> None:
        self.importing = True
        self.offer(_("Importing…"), None)
        self.query_one(FindingList).show([])
        self.in_background(self._imported(replace), "import")

    async def _imported(self, replace: bool) -> None:
        try:
            answer = await child.run(self.project, self._argv(replace=replace), self._progress)
        finally:
            self.importing = False
            self.query_one("#progress", Static).update("")
        if answer.code == 3 and not replace:
            self.say(answer.complaint, "warning")
            self.offer(_("Replace it…"), self._confirm)
            return
        if answer.code:
            self.offer(_("Try again"), self._import)
        found = answer.expect_success()
        self.query_one(FindingList).show([Finding(**one) for one in found.get("findings", [])])
        release = self.query_one("#release", Choice).value
        kept = [name for name in self.project.recall("ollama", []) if name != release]
        self.project.remember("ollama", [*kept, release])
        self.refresh_rail()
        self.say(_("{name} is in Ollama.").format(name=one_line(str(found.get("name", release)), 80)), "ok")
        self.offer_next()

    def _progress(self, document: Any) -> None:
        if not isinstance(document, dict) or "status" not in document:
            return
        line = one_line(str(document["status"]), 80)
        done, total = document.get("completed"), document.get("total")
        if done is not None and total:
            line += "  " + _("{done} of {all}").format(done=size(done), all=size(total))
        self.query_one("#progress", Static).update(line)

    def _confirm(self) -> None:
        self.app.push_screen(
            Confirm(
                _("Replace the model of that name in Ollama?"),
                _("The one that is there now is overwritten."),
                _("Replace"),
                _("Keep it"),
            ),
            lambda sure: self._import(replace=True) if sure else None,
        )

    # ---- the fields

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another release."""
        self._name_after_release()
        self._show_command()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name, or another server, which is asked once it is complete."""
        self._show_command()
        if event.input.id == "host":
            self.offer(_("Ask this server"), self._ask_server)

    def _name_after_release(self) -> None:
        box = self.query_one("#as", Input)
        if not box.value or box.value in steps.release_names(self.project):
            with self.prevent(Input.Changed):
                box.value = self.query_one("#release", Choice).value or ""

    def _show_command(self) -> None:
        self.show_command(self._argv())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Skip, or the main button."""
        if event.button.id == "skip":
            self.action_next()
        else:
            super().on_button_pressed(event)


def _version(host: str | None) -> str:
    from tarot_tui.serving.ollama import Ollama

    with Ollama(host) as ollama:
        return ollama.version()
