"""The app around the watch screen, for ``tarot-tui watch``."""

from __future__ import annotations

from pathlib import Path

from tarot_tui.project import Project
from tarot_tui.tui.base import TarotApp
from tarot_tui.tui.screens.watch import WatchScreen


class WatchApp(TarotApp[None]):
    """Shows one run and nothing else."""

    TITLE = "tarot-tui"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "app.tcss"

    def __init__(self, project: Project, folder: Path) -> None:
        super().__init__()
        self.project = project
        self.folder = folder

    def on_mount(self) -> None:
        """Open the one screen."""
        self.push_screen(WatchScreen(self.project, self.folder))


def run_watch(project: Project, folder: Path) -> int:
    """Watch the run in ``folder`` until the user leaves; returns the exit code."""
    app = WatchApp(project, folder)
    app.run()
    return app.return_code or 0
