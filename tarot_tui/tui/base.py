"""What every app of ours shares: the byte-saving driver, the themes, and a screen that keeps still."""

from __future__ import annotations

import os
import traceback

from rich.text import Text
from textual.app import App, ReturnType
from textual.binding import Binding

from tarot_tui.locale import _
from tarot_tui.project import cache_dir
from tarot_tui.text import one_line
from tarot_tui.tui import theme
from tarot_tui.tui.driver import driver_class, redraw


class TarotApp(App[ReturnType]):
    """An app with our driver and themes; nothing in it moves unless something happened."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]
    BINDINGS = [Binding("ctrl+l", "redraw", show=False)]

    def __init__(self) -> None:
        super().__init__(driver_class=driver_class())
        self.animation_level = "none"
        themes, self._theme_problems = theme.load_all()
        for found in themes:
            self.register_theme(found)
        self.theme = theme.choose(os.environ, self.console.color_system, set(self.available_themes))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own CSS variables, for themes that do not name them."""
        return theme.defaults(self.current_theme)

    def on_mount(self) -> None:
        """Say once which theme files are broken; repaint when the shell gives the terminal back."""
        # Textual repaints only what was dirty, onto a screen that the terminal has cleared.
        self.app_resume_signal.subscribe(self, lambda _app: self.action_redraw())
        if self._theme_problems:
            self.notify(
                "\n".join(self._theme_problems), title=_("Some themes were left out"), severity="warning"
            )

    def action_redraw(self) -> None:
        """Send the whole screen again, after another program wrote over it."""
        redraw(self)

    def _fatal_error(self) -> None:
        """End after a fault of ours with one sentence; the traceback goes into a file.

        Textual would print it with every local variable, which may hold what is nobody's business.
        """
        error = self._exception
        project = getattr(self, "project", None)
        folder = project.root / ".tarot" if project else cache_dir()
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "crash.log"
        with open(log, "a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
        sentence = _("tarot-tui: a fault of ours ({error}); what runs goes on. Details are in {log}.")
        self._exit_renderables.append(
            Text(sentence.format(error=one_line(f"{type(error).__name__}: {error}"), log=log))
        )
        self._close_messages_no_wait()
