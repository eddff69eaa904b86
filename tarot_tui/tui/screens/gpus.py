"""Which GPUs train: a list to tick, with what is free on each and who computes there; or only how many processes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tarot_tui.jobs import gpus as claims
from tarot_tui.jobs.sampler import Sampler
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.tui import spread
from tarot_tui.tui.keys import TICK, Key, bindings, table
from tarot_tui.tui.machine import Gpu, checked
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.spread import Spread
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.keyed_list import KeyedList
from tarot_tui.tui.widgets.shell_line import ShellLine

#: Readings after which a machine without GPUs is taken to have none: the driver answers beside them, a little later.
_ENOUGH = 4
#: Cells of what is free, and of who is on it.
_FREE, _WHO = 14, 32

_KEYS: tuple[Key, ...] = table(
    "gpus",
    Key("enter", "enter", "take", N_("take"), N_("Train on what is ticked; on the idlest where nothing is.")),
    Key("x", "x", "none", N_("none"), N_("Take every tick away: the idlest GPUs are taken.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell."), quiet=True),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("escape,q", "esc", "dismiss(False)", N_("back"), N_("Go back; nothing is changed.")),
)  # fmt: skip


class GpuList(KeyedList):
    """The GPUs. Space ticks; enter is left to the screen."""

    KEYS = (*TICK, *KeyedList.KEYS)
    BINDINGS = bindings(TICK)

    def action_toggle(self) -> None:
        """Tick the GPU, or take the tick away."""
        self.action_select()


class GpusScreen(LookScreen):
    """Dismissed with whether something else was chosen; it is remembered in the project."""

    AUTO_FOCUS = "#processes"
    KEYS = (_KEYS[0], replace(TICK[0], quiet=False), *_KEYS[1:])
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    GpusScreen GpuList { height: auto; max-height: 1fr; border: none; padding: 0 1; }
    GpusScreen .row { height: 1; margin: 1 1; }
    GpusScreen .row Label { width: auto; padding-right: 1; }
    GpusScreen #processes { width: 8; }
    """

    class Sampled(Message):
        """A reading, from the thread that waits for them."""

        def __init__(self, sample: dict[str, Any]) -> None:
            super().__init__()
            self.sample = sample

    def __init__(self, project: Project, argv: Sequence[str]) -> None:
        """argv: the training's command, without what is chosen here."""
        super().__init__()
        self.project = project
        self._argv = list(argv)
        self._before = spread.chosen(project)
        self._ticked = list(self._before.gpus)
        self._taken: set[str] = set()
        self._sampler: Sampler | None = None
        self._gpus: tuple[Gpu, ...] = ()
        self._lines: list[str] = []
        self._readings = 0

    def compose(self) -> ComposeResult:
        """The list, the number, what happens, and how to do the same from the shell."""
        yield Caption(_("GPUs that train"))
        yield GpuList(compact=True, markup=False)
        numbers = [(str(count), count) for count in range(1, spread.MOST + 1)]
        yield Horizontal(
            Label(_("Processes")), Choice(numbers, self._before.processes, id="processes"), classes="row"
        )
        yield Static(_("Looking for GPUs…"), id="notice", markup=False)
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(GpuList).display = False
        self._taken = claims.claimed(self.project)
        self._sampler = Sampler(self.project.root, self._hand_over)
        self._tell()

    async def in_new_language(self) -> None:
        """Say it in the new language; what was chosen stays."""
        processes = self.spread.processes
        await super().in_new_language()
        self.query_one("#processes", Choice).choose(processes)
        self.query_one(GpuList).display = False
        self._lines = []
        self._list()
        self._tell()

    def on_unmount(self) -> None:
        """Read no more; a reading that hangs is left behind."""
        if self._sampler:
            self._sampler.stop()

    def _hand_over(self, sample: dict[str, Any]) -> None:
        with suppress(RuntimeError):  # the screen is gone
            self.post_message(self.Sampled(sample))

    def on_gpus_screen_sampled(self, event: Sampled) -> None:
        """Show what is free now."""
        event.stop()
        self._readings += 1
        self._gpus = checked(event.sample)
        self._list()
        if self._readings == _ENOUGH and not self._gpus:
            self.say(_("No NVIDIA GPU answers here: the processes share the processor."))

    # ---- what is shown

    @property
    def spread(self) -> Spread:
        """What is chosen on the screen."""
        return Spread(tuple(self._ticked), self.query_one("#processes", Choice).value or 1)

    def _list(self) -> None:
        lines = [self._line(gpu) for gpu in self._gpus]
        if lines == self._lines:
            return
        listed = self.query_one(GpuList)
        if len(lines) != len(self._lines):
            listed.clear_options()
            listed.add_options([Option(Content(line)) for line in lines])
            listed.highlighted = 0 if lines else None
            listed.display = bool(lines)
            if lines:
                listed.focus()
                self._tell()
        else:
            for index, line in enumerate(lines):
                listed.replace_option_prompt_at_index(index, Content(line))
        self._lines = lines

    def _line(self, gpu: Gpu) -> str:
        tick = "[x]" if gpu.index in self._ticked else "[ ]"
        room = spread.room_on(gpu)
        if gpu.lost or gpu.stale:
            return f"{tick} GPU {gpu.index:<2}  {room}"
        who = set_cell_size(spread.who_is_on(gpu, self._taken), _WHO)
        return "  ".join((f"{tick} GPU {gpu.index:<2}", set_cell_size(room, _FREE), who, gpu.name))

    def _tell(self) -> None:
        """Say what the choice means."""
        chosen = self.spread
        self.query_one("#processes").disabled = bool(chosen.gpus)
        self.query_one(ShellLine).show([*self._argv, *chosen.words])
        if chosen.gpus:
            said = _("One process on each of these GPUs: {gpus}. A step sees the same samples.")
            self.say(said.format(gpus=", ".join(chosen.gpus)))
        elif self._gpus:
            said = _("Nothing is ticked: the idlest GPUs are taken, {count} of them.")
            self.say(said.format(count=chosen.processes))

    # ---- keys

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Tick it, or take the tick away."""
        event.stop()
        index = self._gpus[event.option_index].index
        if index in self._ticked:
            self._ticked.remove(index)
        else:
            order = [gpu.index for gpu in self._gpus]
            self._ticked = sorted(
                [*self._ticked, index], key=lambda one: order.index(one) if one in order else -1
            )
        self._list()
        self._tell()

    def on_choice_changed(self) -> None:
        """Another number of processes."""
        self._tell()

    def action_none(self) -> None:
        """Take every tick away."""
        self._ticked.clear()
        self._list()
        self._tell()

    def action_take(self) -> None:
        """Keep it and go back."""
        changed = self.spread != self._before
        if changed:
            spread.choose(self.project, self.spread)
        self.dismiss(changed)
