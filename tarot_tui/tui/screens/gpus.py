"""Where a training runs: GPUs to tick, with what is free on each and who is there; how many processes; or Slurm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from tarot_tui.jobs import gpus as claims
from tarot_tui.jobs.sampler import Sampler
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line
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
    Key("down", "↓ tab", "app.focus_next", N_("down"), N_("Go to the next field or button."), quiet=True),
    Key("up", "↑", "app.focus_previous", N_("up"), N_("Go to the field or button before."), quiet=True),
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
    GpusScreen GpuList { height: auto; max-height: 1fr; border: none; padding: 0 1; margin-bottom: 1; }
    GpusScreen #where { height: 1fr; }
    GpusScreen #rows { height: auto; margin: 0 1; }
    GpusScreen #partition { max-width: 40; }
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
        yield Caption(_("Where it trains"))
        yield Vertical(GpuList(compact=True, markup=False), Vertical(*self._rows(), id="rows"), id="where")
        yield Static(_("Looking for GPUs…"), id="notice", markup=False)
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    def is_possible(self, verb: str) -> bool:
        """Ticking, where there are GPUs to tick."""
        return self.query_one(GpuList).display if verb in ("toggle", "none") else True

    def _rows(self) -> Iterable[Widget]:
        """How many processes; where there is Slurm, whether it gets the run, and in which partition."""
        numbers = [(str(count), count) for count in range(1, spread.MOST + 1)]
        processes = Choice(numbers, self._before.processes, id="processes")
        yield Horizontal(Label(_("Processes"), classes="label"), processes, classes="row")
        if spread.slurm_here():
            ways = [(_("on this machine"), False), (_("through Slurm, by sbatch"), True)]
            yield Horizontal(
                Label(_("Place"), classes="label"),
                Choice(ways, self._before.slurm, id="slurm"),
                classes="row",
            )
            partition = Input(
                self._before.partition, id="partition", compact=True, placeholder=_("the usual one")
            )
            partition.cursor_blink = False
            yield Horizontal(Label(_("Partition"), classes="label"), partition, classes="row", id="waits")

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one(GpuList).display = False
        self._taken = claims.claimed(self.project)
        self._sampler = Sampler(self.project.root, self._hand_over)
        self._tell()

    async def in_new_language(self) -> None:
        """Say it in the new language; what was chosen stays."""
        chosen = self.spread
        await super().in_new_language()
        self.query_one("#processes", Choice).choose(chosen.processes)
        for choice in self.query("#slurm").results(Choice):
            choice.choose(chosen.slurm)
            self.query_one("#partition", Input).value = chosen.partition
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
        processes = self.query_one("#processes", Choice).value or 1
        slurm = any(choice.value for choice in self.query("#slurm").results(Choice))
        partition = self.query_one("#partition", Input).value.strip() if slurm else ""
        return Spread(() if slurm else tuple(self._ticked), processes, slurm, partition)

    def _list(self) -> None:
        lines = [self._line(gpu) for gpu in self._gpus]
        if lines == self._lines:
            return
        listed = self.query_one(GpuList)
        if len(lines) != len(self._lines):
            listed.clear_options()
            listed.add_options([Option(Content(line)) for line in lines])
            listed.highlighted = 0 if lines else None
            listed.display = bool(lines) and not self.spread.slurm
            if listed.display:
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
        self.query_one(GpuList).display = bool(self._gpus) and not chosen.slurm
        self.refresh_bindings()
        for row in self.query("#waits"):
            row.display = chosen.slurm
        self.query_one(ShellLine).show([*self._argv, *chosen.words])
        if not spread.is_partition(chosen.partition):
            self.fail(_("{name} is no name of a partition.").format(name=one_line(chosen.partition, 40)))
        elif chosen.slurm:
            said = _(
                "Slurm starts it with {count} GPUs, a process on each; it resumes by itself when requeued."
            )
            self.say(said.format(count=chosen.processes))
        elif chosen.gpus:
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
        """Another number of processes, or another way."""
        self._tell()

    def on_input_changed(self) -> None:
        """Another partition."""
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field takes all of it."""
        event.stop()
        self.action_take()

    def action_none(self) -> None:
        """Take every tick away."""
        self._ticked.clear()
        self._list()
        self._tell()

    def action_take(self) -> None:
        """Keep it and go back."""
        if not spread.is_partition(self.spread.partition):
            return  # said already
        changed = self.spread != self._before
        if changed:
            spread.choose(self.project, self.spread)
        self.dismiss(changed)
