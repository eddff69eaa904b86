"""What the screens share that are looked at beside a step: a notice, the same from the shell, keys, the way back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Static

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.text import plain
from tarot_tui.tui.keys import Key
from tarot_tui.tui.translated import Translated
from tarot_tui.tui.widgets.shell_line import ShellLine


class LookScreen(Translated, Screen[bool]):
    """Full screen, over the step that opened it. Dismissed with whether anything was changed.

    It has a ``#notice``; and a :class:`ShellLine` if it can be done from the shell.
    """

    KEYS: ClassVar[tuple[Key, ...]] = ()
    DEFAULT_CSS = """
    LookScreen Caption { margin: 0 1 1 1; }
    LookScreen #notice { height: auto; max-height: 3; padding: 0 1; }
    LookScreen ShellLine { padding: 0 1; }
    """

    @property
    def key_table(self) -> tuple[Key, ...]:
        """Every key of this screen."""
        return self.KEYS

    def say(self, sentence: str) -> None:
        """One sentence: what happened, or what to do."""
        self.query_one("#notice", Static).update(Content(plain(sentence)))

    def fail(self, sentence: str) -> None:
        """Why something did not work."""
        self.query_one("#notice", Static).update(Content.styled(plain(sentence), "$text-error"))

    def in_background(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
        """Let ``work`` run beside the screen, in place of what ran in ``group``; a TarotError of it is shown."""

        async def told() -> None:
            try:
                try:
                    await work()
                except TarotError as error:
                    self.fail(str(error))
            except NoMatches:
                # A screen that is being left loses its parts before its work is ended; one that changes its language is
                # without them for a moment, and shows what there is when they are back.
                if self in self.app.screen_stack and not self.in_between:
                    raise

        # A call, not a coroutine: one that is replaced before it began would be left unawaited.
        self.run_worker(told, group=group, exclusive=True)

    def action_copy(self) -> None:
        """Copy the shell line to the clipboard, through the terminal (OSC 52)."""
        if command := self.query_one(ShellLine).command:
            self.app.copy_to_clipboard(command)
            self.notify(_("Copied: {command}").format(command=command), timeout=3, markup=False)

    def action_help(self) -> None:
        """Show the keys."""
        from tarot_tui.tui.screens.help import show_help

        show_help(self)
