"""What every app of ours shares: the byte-saving driver, themes, keys, languages, and a screen that keeps still."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text
from textual.app import App, ReturnType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList

from tarot_tui import personal
from tarot_tui.locale import _, language, speak
from tarot_tui.project import cache_dir
from tarot_tui.text import one_line
from tarot_tui.tui import first_frame, keymap, keys, memory, theme, wrapping
from tarot_tui.tui.driver import BackgroundFound, SlimDriver, driver_class, redraw

#: Seconds after which the start is surely over.
_STARTED = 2.0


class TarotApp(App[ReturnType]):
    """An app with our driver, themes and keys; nothing in it moves unless something happened."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]
    # Textual's own palette is animated, in English, and knows nothing of our tables.
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = keys.bindings(keys.ANYWHERE)

    def __init__(self) -> None:
        super().__init__(driver_class=driver_class())
        wrapping.install()
        self.animation_level = "none"
        self.environ = dict(os.environ)
        self.themes, problems = theme.load_all()
        for found in self.themes:
            self.register_theme(found)
        self.theme = self._themed_blindly = theme.choose(
            self.environ, self.console.color_system, self.available_themes
        )
        self.keymap, wrong_keys = keymap.load()
        self.set_keymap(self.keymap)
        self._complaints = [
            (_("Some themes were left out"), problems),
            (_("Some of your keys were left out"), wrong_keys),
        ]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own CSS variables, for themes that do not name them."""
        return theme.defaults(self.current_theme)

    def on_mount(self) -> None:
        """Say once which files of the user's are broken; repaint when the shell gives the terminal back."""
        # Textual repaints only what was dirty, onto a screen that the terminal has cleared.
        self.app_resume_signal.subscribe(self, lambda _app: self.action_redraw())
        self.set_timer(_STARTED, memory.give_back)
        self.theme_changed_signal.subscribe(self, lambda _theme: self._recolour())
        for title, sentences in self._complaints:
            if sentences:
                self.notify("\n".join(sentences), title=title, severity="warning", markup=False)

    def on_background_found(self, event: BackgroundFound) -> None:
        """Fit the terminal's background, unless a theme was chosen; the next start begins with it."""
        known = (self.environ, self.console.color_system, self.available_themes)
        if self.theme == self._themed_blindly:
            self.theme = theme.choose(*known, light=event.light)
        if event.light != (personal.recall("background") == "light"):
            personal.remember("background", "light" if event.light else "dark")

    def _recolour(self) -> None:
        # Textual repaints what has another style now, and lists keep their lines by it; two themes of the terminal's
        # own colours may share a style, and differ in the colours that are named within a text.
        for screen in self.screen_stack:
            for widget in screen.walk_children(Widget):
                if isinstance(widget, OptionList):
                    widget._clear_caches()
                widget.notify_style_update()
                widget.refresh()

    # ---- what can be done anywhere

    def action_redraw(self) -> None:
        """Send the whole screen again, after another program wrote over it."""
        redraw(self)

    def action_command_palette(self) -> None:
        """Find any command by its name."""
        from tarot_tui.tui import offers

        self.pick(_("Commands"), offers.everything(self))

    def action_choose_theme(self) -> None:
        """Choose other colours."""
        from tarot_tui.tui import offers

        self.pick(_("Theme"), list(offers.themes(self)))

    def action_choose_language(self) -> None:
        """Choose another language."""
        from tarot_tui.tui import offers

        self.pick(_("Language"), list(offers.languages(self)))

    def action_go_somewhere(self) -> None:
        """Go to a step or a run by one more key."""
        from tarot_tui.tui.screens.go import GoScreen

        self.push_screen(GoScreen())

    def action_glossary(self) -> None:
        """Look a word up."""
        from tarot_tui.tui import offers

        self.pick(_("Words"), list(offers.words()))

    def pick(self, question: str, entries: Sequence) -> None:
        """Let one of these be picked, and do what it is for."""
        from tarot_tui.tui.screens.pick import Pick

        self.push_screen(Pick(question, entries), lambda act: act and self.call_later(act))

    def action_list_runs(self) -> None:
        """Show every run of the project, over the screen that is there."""
        from tarot_tui.tui.screens.runs import RunsScreen

        if getattr(self, "project", None):
            self.push_screen(self.fitted(RunsScreen(self.project)))

    def watch_run(self, folder: Path) -> None:
        """Look at one run, over the screen that is there."""
        from tarot_tui.tui.screens.watch import WatchScreen

        self.push_screen(self.fitted(WatchScreen(self.project, folder)))

    def fitted(self, screen: Screen[Any]) -> Screen[Any]:
        """``screen`` with the classes of the terminal's size, so that it is not styled and laid out anew for them."""
        width, height = self.size
        for length, points in ((width, self.HORIZONTAL_BREAKPOINTS), (height, self.VERTICAL_BREAKPOINTS)):
            screen.add_class(max(point for point in points if point[0] <= length)[1], update=False)
        return screen

    def use_theme(self, name: str) -> None:
        """Show these colours at once, and the next time."""
        self.theme = name
        personal.remember("theme", name)

    def use_plain_characters(self, plain: bool) -> None:
        """Draw lines and signs with characters that are one cell wide in every terminal, now and the next time."""
        personal.remember("ambiguous", "wide" if plain else "narrow")
        if isinstance(self._driver, SlimDriver):
            self._driver.use_narrow_characters(plain)
            self.action_redraw()

    def use_language(self, code: str) -> None:
        """Speak this language at once, and the next time."""
        if speak(code) != language():
            return
        personal.remember("language", code)
        self.call_later(self.language_changed)

    async def language_changed(self) -> None:
        """Say what is open in the language in use now."""
        from tarot_tui.tui.translated import Translated

        for screen in self.screen_stack:
            if isinstance(screen, Translated):
                # In its own turn, so that no message meets it half made.
                screen.call_later(screen.in_new_language)

    def _fatal_error(self) -> None:
        """End after a fault of ours with one sentence; the traceback goes into a file.

        Textual would print it with every local variable, which may hold what is nobody's business.
        """
        first_frame.give_back()  # where the app never came up
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
