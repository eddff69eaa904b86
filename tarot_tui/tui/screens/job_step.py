"""A step whose work is a job: the request, then the live view of the job in its place, then what came of it."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.jobs import status
from tarot_tui.jobs.status import Status
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.run_view import RunView


class JobStepScreen(StepScreen):
    """A step fills in :meth:`part` and :meth:`show_state` beside what every step fills in."""

    def is_possible(self, verb: str) -> bool:
        """The log is there with the job."""
        if verb == "bigger_log":
            view = self.view()
            return bool(view and view.display)
        return super().is_possible(verb)

    def part(self, shown: str) -> None:
        """Show one part of the body: ``job``, or one of the step's own."""

    def show_state(self, folder: Path, found: Status) -> None:
        """Say how the job is, and what can be done about it."""

    def show_job(self, folder: Path) -> None:
        """Give the body to the job."""
        view = self.view()
        if view is None:
            self.query_one("#body").mount(RunView(folder, kind=""))
        elif view.folder != folder:
            view.show(folder)
        self.part("job")
        self.show_state(folder, status.read(folder))

    def view(self) -> RunView | None:
        """The live view, once there has been a job."""
        found = self.query(RunView)
        return found.first() if found else None

    def on_run_view_changed(self, event: RunView.Changed) -> None:
        """The job ended, or went on."""
        view = self.view()
        if view and view.display:
            self.show_state(event.folder, event.status)

    def action_stop(self) -> None:
        """Ask, then stop the job."""
        if (view := self.view()) and view.display:
            view.action_stop()

    def action_bigger_log(self) -> None:
        """Give the log the whole pane, or take it back."""
        if (view := self.view()) and view.display:
            view.action_bigger_log()
