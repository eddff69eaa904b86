"""The wizard: seven steps from documents to a chat model, over one project folder."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

from textual.app import SystemCommand
from textual.screen import Screen

from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.tui import steps
from tarot_tui.tui.base import TarotApp


class WizardApp(TarotApp[None]):
    """One screen per step, each made when it is first visited and kept while the app runs."""

    CSS_PATH = "app.tcss"
    TITLE = "tarot-tui"

    def __init__(self, project: Project | None, folder: Path | None = None) -> None:
        """``project`` None: the wizard first offers to make one in ``folder`` (default: the working directory)."""
        super().__init__()
        self.project = project
        self._folder = folder or Path.cwd()

    def on_mount(self) -> None:
        """Open the step where the wizard was left, or the welcome."""
        if self.project:
            self.open(self.project)
        else:
            from tarot_tui.tui.screens.welcome import WelcomeScreen

            self.push_screen(WelcomeScreen(_free_folder(self._folder)))

    def open(self, project: Project) -> None:
        """Walk the steps of ``project``, from where it was left."""
        self.project = project
        self.go(steps.left_at(project))

    def go(self, step: str) -> None:
        """Show that step and remember it."""
        self.project.remember("step", step)
        if not self.is_screen_installed(step):
            self.install_screen(_screen(step, self.project), step)
        # Below the first screen lies Textual's own blank one, which cannot be switched away from.
        (self.switch_screen if len(self.screen_stack) > 1 else self.push_screen)(step)

    def get_system_commands(self, screen: Screen) -> Iterable[SystemCommand]:
        """The palette: the steps first, then what Textual brings."""
        if self.project:
            for step in steps.STEPS:
                yield SystemCommand(_(step.title), _(step.purpose), lambda step=step: self.go(step.id))
        yield from super().get_system_commands(screen)

    def action_leave(self) -> None:
        """Quit. Whatever is a job goes on."""
        self.exit()


def _screen(step: str, project: Project) -> Screen:
    # Imported one by one, so that the first paint waits for the step that is shown and for no other.
    module = importlib.import_module(f"tarot_tui.tui.screens.{step}")
    return getattr(module, f"{step.capitalize()}Screen")(project)


def _free_folder(folder: Path) -> Path:
    """``folder`` itself when nothing of the user's lies in it, else a new folder inside it."""
    try:
        empty = not any(folder.iterdir())
    except OSError:
        empty = False
    return folder if empty else folder / "my-model"


def run_wizard(project: Project | None, folder: Path | None = None) -> int:
    """Walk the steps until the user leaves; returns the exit code."""
    app = WizardApp(project, folder)
    app.run()
    return app.return_code or 0


def run_watch(project: Project, folder: Path) -> int:
    """Watch one run until the user leaves; see :mod:`tarot_tui.tui.watch_app`."""
    from tarot_tui.tui.watch_app import run_watch as run

    return run(project, folder) or 0
