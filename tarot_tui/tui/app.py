"""The wizard: seven steps from documents to a chat model, over one project folder."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NoReturn

from textual.screen import Screen

from tarot_tui.project import Project
from tarot_tui.tui import steps
from tarot_tui.tui.base import TarotApp
from tarot_tui.tui.ending import run_and_leave


class WizardApp(TarotApp[None]):
    """One screen per step, each made when it is first visited and kept while the app runs."""

    CSS_PATH = ["app.tcss", "steps.tcss"]
    TITLE = "tarot-tui"

    def __init__(self, project: Project | None, folder: Path | None = None) -> None:
        """``project`` None: the wizard first offers to make one in ``folder`` (default: the working directory)."""
        super().__init__()
        self.project = project
        self._folder = folder or Path.cwd()
        #: What was typed and chosen in steps that are to be made anew.
        self._keepsakes: dict[str, Any] = {}

    def on_mount(self) -> None:
        """Open the step where the wizard was left, or the welcome."""
        if self.project:
            self.open(self.project)
        else:
            self._welcome()

    def _welcome(self) -> None:
        from tarot_tui.tui.screens.welcome import WelcomeScreen

        screen = self.fitted(WelcomeScreen(_free_folder(self._folder)))
        (self.switch_screen if len(self.screen_stack) > 1 else self.push_screen)(screen)

    def open(self, project: Project) -> None:
        """Walk the steps of ``project``, from where it was left."""
        self.project = project
        self.go(steps.left_at(project))

    def go(self, step: str) -> None:
        """Show that step and remember it."""
        self.project.remember("step", step)
        if not self.is_screen_installed(step):
            screen = self.fitted(_screen(step, self.project))
            screen.inherited = self._keepsakes.pop(step, None)
            self.install_screen(screen, step)
        # Below the first screen lies Textual's own blank one, which cannot be switched away from.
        (self.switch_screen if len(self.screen_stack) > 1 else self.push_screen)(step)

    async def language_changed(self) -> None:
        """Make every step anew in the new language, but those that are at work.

        What lies over a step is composed anew first; the steps follow when one comes back to them.
        """
        from tarot_tui.tui.screens.step import StepScreen

        await super().language_changed()
        here = self.screen
        if self.project is None:
            await self.switch_screen(Screen())
            self._welcome()
        if not isinstance(here, StepScreen):
            return
        with self.batch_update():
            await self.switch_screen(Screen())
            for step in filter(self.is_screen_installed, steps.IDS):
                screen = self.get_screen(step)
                if not screen.busy:
                    self._keepsakes[step] = screen.keepsake()
                    self.uninstall_screen(step)
                    await screen.remove()
            self.go(here.STEP)

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


def run_wizard(project: Project | None, folder: Path | None = None) -> NoReturn:
    """Walk the steps until the user leaves; the process then ends, see :mod:`tarot_tui.tui.ending`."""
    run_and_leave(WizardApp(project, folder))


def run_watch(project: Project, folder: Path | None) -> NoReturn:
    """Watch one run, or choose one, until the user leaves; see :mod:`tarot_tui.tui.watch_app`."""
    from tarot_tui.tui.watch_app import run_watch as run

    run(project, folder)
