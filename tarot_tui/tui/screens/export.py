"""Step 5: a run becomes a release in ``models/``; the export is a job, like a training."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from tarot_tui.errors import TarotError
from tarot_tui.jobs import status
from tarot_tui.jobs.find import all_jobs, slug
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.status import Status
from tarot_tui.locale import N_, _
from tarot_tui.project import safe_name
from tarot_tui.text import one_line, size
from tarot_tui.tui import commands, quants, steps, suggestions
from tarot_tui.tui.aligned import aligned
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.job_step import JobStepScreen
from tarot_tui.tui.screens.pick import Entry
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.export_plan import ExportPlan
from tarot_tui.tui.widgets.finding_list import FindingList


class ExportScreen(JobStepScreen):
    """The request, then the job, then what came out."""

    STEP = "export"
    KEYS = table(
        "export",
        Key("m", "m", "more", N_("all types"), N_("Choose among all quantisations that can be made here.")),
        Key("v", "v", "prove", N_("prove"), N_("Compare the model file with the trained model itself: prompts, tokens, answers; asks first.")),
        Key("e", "e", "again", N_("export again"), N_("Make another model file of this or another run.")),
        Key("s", "s", "stop", N_("stop"), N_("Stop a running export; what is finished of it is kept.")),
        Key("l", "l", "bigger_log", N_("log bigger"), N_("Give the log the whole pane, or take it back.")),
    )  # fmt: skip
    BINDINGS = bindings(KEYS)
    FIELDS = {
        "run": N_("The training whose result is to become a model file, the latest first."),
        "quant": N_("How small the file gets, and how exact it stays. Small models want q8_0."),
        "name": N_("The folder in models/ that the model goes to; Ollama takes this name, too."),
        "release-findings": N_("What the export has to say about the model. Enter unfolds a finding."),
    }

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._asking = False
        self._typed_name = False
        #: The run whose base the quantisation was chosen for.
        self._suited: Path | None = None

    def body(self) -> Iterable[Widget]:
        """The request and the result; the running job takes their place."""
        name = Input(id="name", compact=True)
        name.cursor_blink = False
        yield Vertical(
            Horizontal(Label(_("Run"), classes="label"), Choice(id="run"), classes="row"),
            Horizontal(
                Label(_("Quantisation"), classes="label"),
                Choice(quants.usual(), id="quant"),
                classes="row",
            ),
            Horizontal(Label(_("Name"), classes="label"), name, classes="row"),
            ExportPlan(),
            id="request",
        )
        yield Vertical(Static(id="release", markup=False), FindingList(id="release-findings"), id="result")

    def buttons(self) -> Iterable[Button]:
        """Other quantisations, the proof, and another export."""
        yield Button(_("All types (m)"), id="more", compact=True)
        yield Button(_("Back (esc)"), id="back", compact=True)
        yield Button(_("Stop (s)"), id="stop", compact=True)
        yield Button(_("Prove it (v)"), id="prove", compact=True)
        yield Button(_("Export again (e)"), id="again", compact=True)

    # ---- what the folder says

    def look(self) -> None:
        """A running export or proof, else the newest release, else the request for one."""
        latest = [jobs[-1] for kind in ("export", "proof") if (jobs := all_jobs(self.project, kind))]
        running = next((job for job in latest if status.read(job).alive), None)
        if running:
            self.show_job(running)
        elif (names := steps.trained_names(self.project)) and not self._asking:
            chosen = self.project.recall("release")
            self._show_release(chosen if chosen in names else names[-1])
        else:
            self._ask()

    # ---- the request

    def _ask(self) -> None:
        self.part("request")
        runs = suggestions.exportable(self.project)
        chosen = self.project.recall("run")
        names = [run.name for run in runs]
        self.query_one("#run", Choice).set_options(
            [(run.name, run.name) for run in reversed(runs)], chosen if chosen in names else None
        )
        if not runs:
            self.query_one(ExportPlan).nothing()
            self.say(_("No run has anything to export yet: train one first."))
            self.offer(_("Go to Train"), self.action_previous)
            return
        self.query_one("#more").display = True
        self.query_one("#back").display = self._asking
        self._suit_quant()
        self._suggest_name()
        self._judge()

    def _suit_quant(self) -> None:
        """Choose what suits the run's base, unless that was done: what the user chose since stays."""
        from tarot_tui.export.launch import default_quant, find_trained

        before, self._suited = self._suited, self._run()
        if self._suited == before:
            return
        try:
            self.query_one("#quant", Choice).choose(default_quant(find_trained(self._suited).base))
        except (TarotError, OSError):
            return  # said when the export is asked for

    def _suggest_name(self) -> None:
        if self._typed_name:
            return
        free = suggestions.free_release_name(self.project, self._run().name)
        with self.prevent(Input.Changed):
            self.query_one("#name", Input).value = free

    def _judge(self) -> None:
        name = self.query_one("#name", Input).value.strip()
        try:
            safe_name(name, _("model"))
        except TarotError as error:
            self.failed(str(error))
            self.offer(_("Export"), None)
            return
        taken = name in steps.release_names(self.project)
        argv = commands.export(
            self._run().name, [self.query_one("#quant", Choice).value], name, replace=taken
        )
        self.show_command(argv)
        self.query_one(ExportPlan).compute(self.project, argv)
        if taken:
            self.say(_("models/{name} exists and would be replaced.").format(name=name), "warning")
            self.offer(_("Replace it…"), self._confirm)
        else:
            self._say_what_will_be(name)
            self.offer(_("Export"), self._start)

    def _say_what_will_be(self, name: str) -> None:
        if status.read(self._run()).alive:
            self.say(_("This run still goes on: what it saved last is exported."), "warning")
        else:
            self.say(_("Will make models/{name}: one file that Ollama and llama.cpp read.").format(name=name))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another run or quantisation."""
        if event.choice.id == "run":
            self._suit_quant()
            self._suggest_name()
        self._judge()

    def action_more(self) -> None:
        """Choose among all quantisations; what each would take is then in the plan."""
        if not self.query_one("#more").display:
            return
        entries = []
        for name, bits, said in quants.every():
            words = (
                _("About {bits:.1f} bits a weight; {said}.") if said else _("About {bits:.1f} bits a weight.")
            )
            note = words.format(bits=bits, said=said)
            entries.append(Entry(name, partial(self._choose_quant, name), note))
        self.app.pick(_("Quantisation"), entries)

    def _choose_quant(self, name: str) -> None:
        self.query_one("#quant", Choice).set_options(quants.usual(name), name)
        self._judge()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name."""
        self._typed_name = True
        self._judge()

    def _run(self) -> Path:
        return self.project.jobs / (self.query_one("#run", Choice).value or "-")

    def _confirm(self) -> None:
        name = self.query_one("#name", Input).value.strip()
        self.app.push_screen(
            Confirm(
                _("Replace models/{name}?").format(name=name),
                _("The model that is there now is deleted once the new one is complete."),
                _("Replace"),
                _("Keep it"),
            ),
            lambda sure: self._start(replace=True) if sure else None,
        )

    def _start(self, *, replace: bool = False) -> None:
        self.offer(_("Starting…"), None)
        self.in_background(self._started(replace), "start")

    async def _started(self, replace: bool) -> None:
        from tarot_tui.export.launch import launch

        name, quant = self.query_one("#name", Input).value.strip(), self.query_one("#quant", Choice).value
        try:
            folder = await in_daemon(
                partial(launch, self.project, self._run(), [quant], False, name, replace=replace)
            )
        except Exception:
            self.offer(_("Export"), self._start)
            raise
        self._asking = self._typed_name = False
        self.show_job(folder)

    # ---- the job

    def show_state(self, folder: Path, found: Status) -> None:
        """What the job did, and what can be done about it."""
        self.refresh_rail()
        self.show_command(["watch", folder.name])
        proof = slug(folder).startswith("prove-")
        if found.state == "finished":
            name = str(read_spec(folder)["request"]["name"])
            self.project.remember("release", name)
            self._show_release(name)
        elif found.alive:
            self.say(_("It goes on without this screen, like a training."))
            self.offer(_("Proving…") if proof else _("Exporting…"), None)
            self.query_one("#stop").display = True
        else:
            self.say(_("It did not finish: the reason stands above, more is in the log."), "error")
            self.offer(_("Resume"), self.action_resume)
            self.query_one("#stop").display = False
            self.query_one("#again").display = True

    # ---- the result

    def _show_release(self, name: str) -> None:
        from tarot_tui.export.release import read_release

        self.part("result")
        try:
            release = read_release(self.project, name)
        except TarotError as error:
            self.failed(str(error))
            self.offer(_("Export again"), self.action_again)
            return
        files = [
            _("{file}  {quant}  {size}").format(
                file=f"models/{name}/{path.name}", quant=quant, size=_size(path)
            )
            for quant, path in release.ggufs.items()
        ]
        template = (
            _("proven equal to the one it was trained with")
            if release.template
            else _("the one inside the file (no exact Go form)")
        )
        rows = [
            (_("file"), "\n".join(files) or f"models/{name}"),
            (_("made of"), one_line(release.run, 80)),
            (_("base"), one_line(release.base, 80)),
            (_("template"), template),
            (_("proof"), _proof(release)),
        ]
        self.query_one("#release", Static).update(aligned(rows))
        self.query_one(FindingList).show(release.findings)
        self.show_command(commands.export(release.run, list(release.ggufs) or ["q8_0"], name, replace=True))
        self.say(_("{name} is ready.").format(name=name), "ok")
        self.query_one("#again").display = bool(suggestions.exportable(self.project))
        self.query_one("#prove").display = bool(release.ggufs)
        self.offer_next()

    def part(self, shown: str) -> None:
        """The request, the job, or what came out."""
        self.query_one("#request").display = shown == "request"
        self.query_one("#result").display = shown == "result"
        for button in ("#more", "#back", "#stop", "#again", "#prove"):
            self.query_one(button).display = False
        if view := self.view():
            view.display = shown == "job"

    # ---- keys

    def action_again(self) -> None:
        """Ask for another export."""
        if self.query_one("#again").display:
            self._asking = True
            self._ask()

    def action_step_out(self) -> None:
        """Out of a field; then back to the release that is there."""
        if self._asking and not isinstance(self.focused, Input):
            self._asking = False
            self.look()
        else:
            super().action_step_out()

    def action_prove(self) -> None:
        """Say what a proof does and takes, ask, and start it."""
        if not self.query_one("#prove").display:
            return
        name = str(self.project.recall("release") or steps.trained_names(self.project)[-1])
        self.app.push_screen(
            Confirm(
                _("Prove {name}?").format(name=name),
                _(
                    "The trained model and the model file are asked the same: prompts, tokens, probabilities, answers. "
                    "It takes minutes, and as much memory as the trained model."
                ),
                _("Prove it"),
            ),
            lambda sure: self.in_background(self._proving(name), "start") if sure else None,
        )

    async def _proving(self, name: str) -> None:
        from tarot_tui.export.release import read_release
        from tarot_tui.proof.launch import cost, launch

        def begin() -> Path:
            release = read_release(self.project, name)
            # What cannot be loaded here is compared by prompts and tokens alone.
            return launch(self.project, release, cheap=not cost(release).fits)

        self.show_job(await in_daemon(begin))

    def action_resume(self) -> None:
        """Go on with an export that was stopped or failed."""
        if view := self.view():
            view.action_resume()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The second button, or the main one."""
        if event.button.id == "again":
            self.action_again()
        elif event.button.id == "prove":
            self.action_prove()
        elif event.button.id == "more":
            self.action_more()
        elif event.button.id == "back":
            self.action_step_out()
        elif event.button.id == "stop":
            self.action_stop()
        else:
            super().on_button_pressed(event)


def _size(path: Path) -> str:
    try:
        return size(path.stat().st_size)
    except OSError:
        return _("missing")


def _proof(release: Any) -> str:
    from tarot_tui.proof.launch import read_proof, stale

    proof = read_proof(release)
    if not proof:
        return _("not proven yet: v does it")
    if changed := stale(release, proof):
        return _("proven once, but {names} changed since").format(names=", ".join(changed))
    return one_line(str(proof["verdict"]), 300)
