"""This machine, full screen: every GPU and whose processes are on it, CPU, memory, disk, network."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen

from tarot_tui.jobs.sampler import Sampler
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.machine import History
from tarot_tui.tui.run_curves import number
from tarot_tui.tui.translated import Translated
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.hardware import OLD, HardwarePanel
from tarot_tui.tui.widgets.key_line import KeyLine

KEYS: tuple[Key, ...] = table(
    "machine",
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("q,escape,m", "q", "leave", N_("back"), N_("Go back.")),
)


class MachineScreen(Translated, Screen[None]):
    """Readings come from a process of their own; while it hangs, the last ones are shown with their age."""

    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    MachineScreen HardwarePanel { height: 1fr; }
    MachineScreen HardwarePanel { margin: 0 1; }
    MachineScreen Caption { margin: 0 1 1 1; }
    """

    class Sampled(Message):
        """A reading, from the thread that waits for them."""

        def __init__(self, sample: dict[str, Any]) -> None:
            super().__init__()
            self.sample = sample

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project
        self._history = History()
        self._sampler: Sampler | None = None
        self._taken: float | None = None

    @property
    def key_table(self) -> tuple[Key, ...]:
        """Every key of this screen."""
        return KEYS

    def compose(self) -> ComposeResult:
        """The readings, and the keys."""
        yield Caption(_("This machine"))
        yield HardwarePanel()
        yield KeyLine(KEYS)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(HardwarePanel).whole = True
        self._sampler = Sampler(self.project.root, self._hand_over)
        self.set_interval(1.0, self._notice_silence)

    def show_again(self) -> None:
        """The latest reading."""
        self.query_one(HardwarePanel).whole = True
        if self._taken:
            self.query_one(HardwarePanel).show(self._history.look(0.0))

    def on_unmount(self) -> None:
        """Read no more; a reading that hangs is left behind."""
        if self._sampler:
            self._sampler.stop()

    def _hand_over(self, sample: dict[str, Any]) -> None:
        with suppress(RuntimeError):
            self.post_message(self.Sampled(sample))

    def on_machine_screen_sampled(self, event: Sampled) -> None:
        """Show it."""
        event.stop()
        self._history.add(event.sample)
        self._taken = number(event.sample.get("time"))
        self.query_one(HardwarePanel).show(self._history.look(0.0))

    def _notice_silence(self) -> None:
        if self._taken and (age := time.time() - self._taken) > OLD:
            self.query_one(HardwarePanel).show(self._history.look(age))

    def action_help(self) -> None:
        """Show the keys."""
        from tarot_tui.tui.screens.help import show_help

        show_help(self)

    def action_leave(self) -> None:
        """Go back, or quit."""
        if len(self.app.screen_stack) > 2:
            self.dismiss()
        else:
            self.app.exit()
