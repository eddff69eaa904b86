"""Step 4: start the training, and watch it; it belongs to no terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Button

from tarot_tui.jobs import reapers, status
from tarot_tui.jobs.status import Status
from tarot_tui.locale import N_, _
from tarot_tui.tui import child, commands, spread, steps
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.run_keys import RUN, RunKeys
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.run_view import RunView

_OWN: tuple[Key, ...] = table(
    "train",
    Key("s", "s", "stop", N_("stop"), N_("Stop the run after it has saved a checkpoint; asks first.")),
    Key("r", "r", "resume", N_("resume"), N_("Go on with a run that was stopped, failed or got lost.")),
    Key("c", "c", "gpus", N_("where"), N_("Choose where the next run computes: GPUs, processes, Slurm.")),
    Key("a", "a", "again", N_("train again"), N_("Prepare another run with the recipe as it is now.")),
    Key("l", "l", "bigger_log", N_("log bigger"), N_("Give the log the whole pane, or take it back.")),
)  # fmt: skip
KEYS: tuple[Key, ...] = (*_OWN, *RUN)


class TrainScreen(StepScreen, RunKeys):
    """Before: the plan and the start. After: the run, whoever started it."""

    STEP = "train"
    KEYS = KEYS
    BINDINGS = bindings(KEYS)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._prepared_again = False

    def body(self) -> Iterable[Widget]:
        """The plan; the run takes its place."""
        yield Vertical(PlanView(), id="before")

    def buttons(self) -> Iterable[Button]:
        """Where to run, stopping a run, and a second run of the same recipe."""
        yield Button(_("Where (c)"), id="gpus", compact=True)
        yield Button(_("Stop (s)"), id="stop", compact=True)
        yield Button(_("Train again (a)"), id="again", compact=True)

    def is_possible(self, verb: str) -> bool:
        """The keys of the run, while there is one to look at; resuming it, while it is over and not finished."""
        view = self.run_view
        if verb == "resume":
            found = view.status if view and view.display else None
            return bool(found) and not found.alive and found.state != "finished"
        if verb in ("bigger_log", "run_view"):
            return bool(view and view.display)
        return super().is_possible(verb)

    @property
    def run_view(self) -> RunView | None:
        """The live view, once there is a run to show."""
        found = self.query(RunView)
        return found.first() if found else None

    def look(self) -> None:
        """Show the latest run, or what a run would be."""
        recipe, runs = steps.chosen_recipe(self.project), steps.runs(self.project)
        latest = runs[-1] if runs else None
        if latest and not self._prepared_again and not self._outdated(latest, recipe):
            self._show_run(latest)
        elif recipe:
            self._prepare(recipe)
        else:
            self._show_before(True)
            self.query_one("#gpus").display = False
            self.query_one(PlanView).nothing(_("No recipe has been settled yet."))
            self.say(_("Settle the parameters first; that takes one key press with the example."))
            self.offer(_("Go to Parameters"), self.action_previous)

    def _outdated(self, run: Path, recipe: str) -> bool:
        """Whether the recipe was settled after ``run`` had ended: then the next thing to do is another run."""
        if not recipe or status.read(run).alive:
            return False
        try:
            return (self.project.recipes / f"{recipe}.yaml").stat().st_mtime > (
                run / "job.yaml"
            ).stat().st_mtime
        except OSError:
            return False

    # ---- before

    def _prepare(self, recipe: str) -> None:
        self._show_before(True)
        self.query_one("#gpus").display = spread.matters(self.project, recipe)
        argv = self._command(recipe)
        self.show_command(argv)
        # Said before the start: what would end the training although no terminal can.
        ends = reapers.findings(shlex.join(["tarot-tui", *argv]))
        self.query_one(PlanView).compute(self.project, [*argv, "--dry-run"], ends)
        self.say(_("Recipe {name}. It will run as a job of its own, in jobs/.").format(name=recipe))
        self.offer(_("Start training"), self._start)

    def _command(self, recipe: str) -> list[str]:
        engine = steps.chosen_engine(self.project)
        return commands.train(recipe, engine=engine, where=spread.words(self.project))

    def on_plan_view_computed(self, event: PlanView.Computed) -> None:
        """A plan that forbids the start is answered before the start is tried."""
        if self.query_one("#before").display and not event.good:
            self.failed(event.problem or _("This would not work as it is: see the findings."))
            self.offer(_("Back to Parameters"), self.action_previous)

    def _start(self) -> None:
        self.offer(_("Starting…"), None)
        self.in_background(self._started(), "start")

    async def _started(self) -> None:
        argv = self._command(steps.chosen_recipe(self.project))
        try:
            (await child.run(self.project, argv)).expect_success()
        except Exception:
            self.offer(_("Start training"), self._start)
            raise
        self._prepared_again = False
        self.action_look_again()

    # ---- the run

    def _show_run(self, folder: Path) -> None:
        self.query_one(PlanView).nothing("")
        if self.run_view is None:
            self.query_one("#body").mount(RunView(folder))
        elif self.run_view.folder != folder:
            self.run_view.show(folder)
        self._show_before(False)
        self._show_state(folder, status.read(folder))

    def on_run_view_changed(self, event: RunView.Changed) -> None:
        """The run's state changed: other things can be done now."""
        self.refresh_rail()
        if not self.query_one("#before").display:
            self._show_state(event.folder, event.status)

    def _show_state(self, folder: Path, found: Status) -> None:
        over = not found.alive
        self.query_one("#stop").display = not over
        self.query_one("#again").display = over and bool(steps.chosen_recipe(self.project))
        if found.state == "finished":
            self.project.remember("run", folder.name)
            self.show_command(["watch", folder.name])
            self.say(_("Finished."), "ok")
            self.offer_next()
        elif over:
            self.show_command(["resume", folder.name])
            self.say(_("It did not finish: the reason stands above, more is in the log."), "warning")
            self.offer(_("Resume"), self.action_resume)
        else:
            self.show_command(["watch", folder.name])
            self.say(_("q leaves it running; 'tarot-tui' finds it again."))
            self.offer(_("Training…"), None)

    def _show_before(self, before: bool) -> None:
        self.query_one("#before").display = before
        if self.run_view:
            self.run_view.display = not before
        for button in ("#again", "#stop") if before else ("#gpus",):
            self.query_one(button).display = False

    # ---- keys

    def action_stop(self) -> None:
        """Ask, then let the run save and stop."""
        if self.run_view:
            self.run_view.action_stop()

    def action_resume(self) -> None:
        """Go on from the last checkpoint."""
        if self.run_view:
            self.run_view.action_resume()

    def action_bigger_log(self) -> None:
        """Give the log the whole pane, or take it back."""
        if self.run_view:
            self.run_view.action_bigger_log()

    def action_gpus(self) -> None:
        """Choose where the next run computes; its plan is then made anew."""
        from tarot_tui.tui.screens.gpus import GpusScreen

        if not self.query_one("#gpus").display:
            return
        recipe, engine = steps.chosen_recipe(self.project), steps.chosen_engine(self.project)
        # On the way back every step looks at the folder again, and so the plan is made with the new choice.
        self.app.push_screen(GpusScreen(self.project, commands.train(recipe, engine=engine)))

    def action_again(self) -> None:
        """Prepare another run."""
        if self.query_one("#again").display:
            self._prepared_again = True
            self.look()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the other buttons, or the main one."""
        if event.button.id == "again":
            self.action_again()
        elif event.button.id == "stop":
            self.action_stop()
        elif event.button.id == "gpus":
            self.action_gpus()
        else:
            super().on_button_pressed(event)
