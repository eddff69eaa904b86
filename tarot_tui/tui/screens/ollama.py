"""Step 6: into Ollama, where there is one; and what to do where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from tarot_tui.errors import Refused, TarotError
from tarot_tui.findings import Finding
from tarot_tui.jobs import files, status
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import Status
from tarot_tui.locale import N_, _
from tarot_tui.ollama_host import ollama_url
from tarot_tui.text import one_line
from tarot_tui.tui import commands, steps
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.job_step import JobStepScreen
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.finding_list import FindingList

#: The kind of the jobs that import.
_KIND = "import"


class OllamaScreen(JobStepScreen):
    """Looks whether a server answers, and imports a release into it; the import is a job, like an export."""

    STEP = "ollama"
    KEYS = table(
        "ollama",
        Key("s", "s", "stop", N_("stop"), N_("Stop a running import; what arrived is kept.")),
        Key("l", "l", "bigger_log", N_("log bigger"), N_("Give the log the whole pane, or take it back.")),
    )
    BINDINGS = bindings(KEYS)
    FIELDS = {
        "release": N_("The model to import: one of those in models/."),
        "as": N_("What it is called in Ollama, for 'ollama run' and for other programs."),
        "host": N_(
            "Where Ollama is, such as 192.168.1.7:11434. Empty: this machine, or what OLLAMA_HOST says."
        ),
        "proofs": N_("Whether Ollama asks the model as it was trained. Enter unfolds a finding."),
    }

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
        yield FindingList(id="proofs")

    def buttons(self) -> Iterable[Button]:
        """The step is optional; a running import can be stopped."""
        yield Button(_("Skip: Chat works without Ollama (n)"), id="skip", compact=True)
        yield Button(_("Stop (s)"), id="stop", compact=True)

    def look(self) -> None:
        """A running import, else the request for one: offer the releases, ask the server whether it is there."""
        jobs = all_jobs(self.project, _KIND)
        if jobs and status.read(jobs[-1]).alive:
            self.show_job(jobs[-1])
            return
        self.part("request")
        names = steps.release_names(self.project)
        chosen = self.project.recall("release")
        self.query_one("#release", Choice).set_options(
            [(name, name) for name in names], chosen if chosen in names else (names or [None])[-1]
        )
        self.query_one("#skip").display = False
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
        self.query_one("#skip").display = True
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
            self.query_one("#skip").display = False  # the main button does it
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
        self.offer(_("Importing…"), None)
        self.query_one(FindingList).show([])
        self.in_background(self._started(replace), "import")

    async def _started(self, replace: bool) -> None:
        from tarot_tui.serving.launch import launch

        release = self.query_one("#release", Choice).value or ""
        name = self.query_one("#as", Input).value.strip() or None
        try:
            folder, _room = await in_daemon(
                partial(launch, self.project, release, name, replace=replace, host=self.host)
            )
        except Refused as refused:
            self.say(str(refused), "warning")
            self.offer(_("Replace it…"), self._confirm)
            # While the main button was grey, the focus had gone to the one that skips the step.
            self.query_one("#primary").focus()
            return
        except Exception:
            self.offer(_("Try again"), self._import)
            raise
        self.show_job(folder)

    def show_state(self, folder: Path, found: Status) -> None:
        """What the job did, and what can be done about it."""
        self.show_command(["watch", folder.name])
        self.query_one("#stop").display = found.alive
        self.query_one("#skip").display = not found.alive
        if found.state == "finished":
            self._show_proof(folder)
        elif found.alive:
            self.say(_("The import goes on without this screen, like a training."))
            self.offer(_("Importing…"), None)
        else:
            self.say(_("It did not finish: the reason stands above, more is in the log."), "error")
            self.offer(_("Try again"), self._again)

    def _again(self) -> None:
        self.part("request")
        self._ask_server()

    def _show_proof(self, folder: Path) -> None:
        done = files.read_json(folder / files.RESULT)
        release = str(read_spec(folder)["request"]["release"])
        self.part("request")
        self.query_one(FindingList).show([Finding(**one) for one in done.get("findings", [])])
        kept = [name for name in self.project.recall("ollama", []) if name != release]
        self.project.remember("ollama", [*kept, release])
        self.refresh_rail()
        self.say(_("{name} is in Ollama.").format(name=one_line(str(done.get("name", release)), 80)), "ok")
        self._show_command()
        self.offer_next()

    def part(self, shown: str) -> None:
        """The request with the server and the proof, or the job."""
        for part in ("#request", "#server", "#proofs"):
            self.query_one(part).display = shown == "request"
        self.query_one("#stop").display = False
        if view := self.view():
            view.display = shown == "job"

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
        elif event.button.id == "stop":
            self.action_stop()
        else:
            super().on_button_pressed(event)


def _version(host: str | None) -> str:
    from tarot_tui.serving.ollama import Ollama

    with Ollama(host) as ollama:
        return ollama.version()
