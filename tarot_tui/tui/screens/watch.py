"""``tarot-tui watch``: one run, full screen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textual.app import ComposeResult

from tarot_tui.locale import N_
from tarot_tui.project import Project
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.run_keys import RUN, RunKeys
from tarot_tui.tui.translated import Translated
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.run_view import RunView

_OWN: tuple[Key, ...] = table(
    "watch",
    Key("s", "s", "stop", N_("stop"), N_("Stop the run after it has saved a checkpoint; asks first.")),
    Key("r", "r", "resume", N_("resume"), N_("Go on with a run that was stopped, failed or got lost.")),
    Key("l", "l", "bigger_log", N_("log bigger"), N_("Give the log the whole screen, or take it back.")),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("q,escape", "q", "leave", N_("back"), N_("Leave. The run goes on without this screen.")),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
)  # fmt: skip
#: Those of the view come after stop, resume and the log, before help and out.
KEYS: tuple[Key, ...] = (*_OWN[:3], *RUN, *_OWN[3:])


class WatchScreen(Translated, RunKeys):
    """One run's live view; leaving it changes nothing for the run."""

    AUTO_FOCUS = "LogView"
    BINDINGS = bindings(KEYS)

    def __init__(self, project: Project, folder: Path, compared: Iterable[Path] = ()) -> None:
        """``compared``: other runs whose curves are laid over this one's."""
        super().__init__()
        self.project = project
        self.folder = folder
        self._compared = list(compared)

    @property
    def key_table(self) -> tuple[Key, ...]:
        """Every key of this screen."""
        return KEYS

    def is_possible(self, verb: str) -> bool:
        """Stopping what runs; going on with what is over and not finished."""
        found = self.query_one(RunView).status
        if verb == "stop":
            return bool(found and found.alive)
        if verb == "resume":
            return bool(found) and not found.alive and found.state != "finished"
        return True

    def on_run_view_changed(self) -> None:
        """Other keys do something now."""
        self.refresh_bindings()

    def compose(self) -> ComposeResult:
        """The view, and the keys."""
        yield RunView(self.folder, compared=self._compared, size=self.app.size - (0, 1))
        yield KeyLine(KEYS)

    def action_stop(self) -> None:
        """Ask, then let the run save and stop."""
        self.query_one(RunView).action_stop()

    def action_resume(self) -> None:
        """Go on with a run that is over but not finished."""
        self.query_one(RunView).action_resume()

    def action_bigger_log(self) -> None:
        """Give the log the whole screen, or take it back."""
        self.query_one(RunView).action_bigger_log()

    def action_help(self) -> None:
        """Show the keys."""
        from tarot_tui.tui.screens.help import show_help

        show_help(self)

    def action_leave(self) -> None:
        """Go back to where one came from, or quit."""
        if len(self.app.screen_stack) > 2:
            self.dismiss()
        else:
            self.app.exit()
