"""The app around the watch screen, for ``tarot-tui watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from textual.app import App

from tarot_tui.errors import BadInput
from tarot_tui.jobs.status import named
from tarot_tui.project import FILE, Project
from tarot_tui.text import one_line
from tarot_tui.tui.base import TarotApp
from tarot_tui.tui.ending import run_and_leave

if TYPE_CHECKING:
    from tarot_tui.tui.widgets.run_view import RunView


class WatchApp(TarotApp[None]):
    """Shows one run, or the list of them."""

    TITLE = "tarot-tui"
    CSS_PATH = "app.tcss"

    def __init__(self, project: Project, folder: Path | None) -> None:
        """``folder`` None: the list of the project's runs."""
        super().__init__()
        self.project = project
        self.folder = folder
        self._was_alive = False

    def on_mount(self) -> None:
        """Open the screen."""
        if self.folder:
            self.watch_run(self.folder)
        else:
            self.action_list_runs()

    def on_run_view_changed(self, event: RunView.Changed) -> None:
        """Ring, and notify through the terminal, when the run ended before our eyes, if the project wants that."""
        ended, self._was_alive = self._was_alive and not event.status.alive, event.status.alive
        if ended and wants_ringing(self.project):
            ring(self, f"{event.folder.name}: {event.status.reason or named(event.status)}")


def ring(app: App[Any], text: str) -> None:
    """Ring the terminal's bell and let it show ``text`` as a notification (OSC 9), where it can."""
    app.bell()
    if app._driver and not app.is_headless:
        app._driver.write(f"\x1b]9;{one_line(text)}\x07")


def wants_ringing(project: Project) -> bool:
    """Whether ``alerts.bell`` is on; a wrong setting is said by 'tarot-tui alerts', not here."""
    from tarot_tui.jobs import alerts

    try:
        return (project.root / FILE).is_file() and alerts.read(project).bell
    except BadInput:
        return False


def run_watch(project: Project, folder: Path | None) -> NoReturn:
    """Watch the run in ``folder``, or choose one (None), until the user leaves; the process then ends."""
    run_and_leave(WatchApp(project, folder))
