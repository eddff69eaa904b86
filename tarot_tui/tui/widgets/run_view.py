"""The live view of one run: head, loss chart, hardware and log, fed by the job's files and by nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message

from tarot_tui.errors import TarotError
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.sampler import Sampler
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.stopping import STOP_GRACE
from tarot_tui.locale import _
from tarot_tui.text import duration
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.machine import MINUTE, History, Machine, checked
from tarot_tui.tui.run_curves import SMOOTH, number
from tarot_tui.tui.run_reader import EVERY, SELDOM, Look, Watcher
from tarot_tui.tui.widgets.chart import RunChart
from tarot_tui.tui.widgets.chart_caption import ChartCaption
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.hardware import OLD, HardwarePanel
from tarot_tui.tui.widgets.log import LogView
from tarot_tui.tui.widgets.log_pane import LogPane
from tarot_tui.tui.widgets.run_head import RunHead

#: Cells of width from which the chart and the hardware stand side by side.
WIDE = 100
#: Lines of height below which there are no empty ones, and below which only the most important are there.
_LOW, _TINY = 34, 18
#: Seconds without a look after which the screen says so.
_SILENT = 3.0


class RunView(Container):
    """Everything about one run, kept up to date. Closing it changes nothing for the run.

    A screen binds keys of its own choice to ``action_stop``, ``action_resume`` and ``action_bigger_log``, and those of
    :mod:`tarot_tui.tui.run_keys` to the others.
    """

    DEFAULT_CSS = """
    RunView { layout: vertical; height: 1fr; padding: 0 1; }
    RunView > #middle { layout: vertical; height: 3fr; margin-top: 1; }
    RunView #curve { height: 1fr; }
    RunView #log-part { height: 2fr; margin-top: 1; }
    RunView.-low > #middle, RunView.-low > #log-part { margin-top: 0; }
    RunView.-low > #log-part { height: 1fr; min-height: 4; }
    RunView.-tiny HardwarePanel { height: 1; }
    RunView.-tiny > #middle { height: 1fr; }
    RunView.-tiny #log-part { height: 3; }
    RunView.-wide > #middle { layout: horizontal; }
    RunView.-wide #curve { width: 1fr; }
    RunView.-wide HardwarePanel { width: 40; height: 1fr; margin-left: 3; }
    RunView.-no-loss #curve { display: none; }
    RunView.-no-loss > #middle { height: auto; }
    RunView.-no-loss.-wide HardwarePanel { width: 1fr; height: auto; margin-left: 0; }
    RunView.-big-log > #middle { display: none; }
    RunView.-machine #curve, RunView.-machine #log-part { display: none; }
    RunView.-machine HardwarePanel { width: 1fr; height: 1fr; margin-left: 0; }
    """

    class Changed(Message):
        """The run's state is another than before (also sent for the first look)."""

        def __init__(self, folder: Path, status: Status) -> None:
            super().__init__()
            self.folder = folder
            self.status = status

    class Seen(Message):
        """A new look, from the thread that reads the files; and what the log has gained, so that all is one frame."""

        def __init__(self, watcher_of: Path, look: Look, gained: LogView.Answered | None) -> None:
            super().__init__()
            self.watcher_of = watcher_of
            self.look = look
            self.gained = gained

    class Sampled(Message):
        """A reading of this machine, taken for want of the run's own."""

        def __init__(self, sample: dict[str, Any]) -> None:
            super().__init__()
            self.sample = sample

    def __init__(
        self,
        folder: Path,
        *,
        id: str | None = None,
        compared: Iterable[Path] = (),
        kind: str = "train",
        size: Size | None = None,
    ) -> None:
        """``compared``: other runs whose curves are laid over this one's.

        kind, size: what the job is and the cells that there will be, as far as known. Styling and laying out are most
        of what the view costs at first, and are done again wherever a class changes.
        """
        super().__init__(id=id)
        self.update_classes({"-no-loss": kind != "train"} | (_classes(size) if size else {}), update=False)
        self.folder = folder
        self.compared = list(compared)
        self.status: Status | None = None
        self._watcher: Watcher | None = None
        self._sampler: Sampler | None = None
        self._look: Look | None = None
        self._history = History()
        self._other_machines: dict[int, Machine] = {}
        self._taken: float | None = None
        self._seen_at = 0.0

    def compose(self) -> ComposeResult:
        """Head, then chart and hardware, then the log."""
        yield RunHead()
        with Container(id="middle"):
            with Vertical(id="curve"):
                yield ChartCaption()
                yield RunChart()
            yield HardwarePanel()
        yield LogPane(id="log-part")

    def on_mount(self) -> None:
        """Begin to look."""
        self.show(self.folder)
        self.set_interval(1.0, self._notice_silence)
        self.watch(self.app, "app_focus", self._set_pace, init=False)
        self.app.screen_change_signal.subscribe(self, lambda _screen: self._set_pace())

    def on_unmount(self) -> None:
        """Stop looking; a look that hangs is left behind."""
        self._watcher.stop()
        self._stop_sampling()

    def show(self, folder: Path) -> None:
        """Watch the run in ``folder`` from now on."""
        if self._watcher:
            self._watcher.stop()
        self._stop_sampling()
        self.folder, self.status, self._look = folder, None, None
        self._history, self._taken, self._other_machines = History(folder.name), None, {}
        self.query_one(RunChart).clear()
        self.query_one(LogPane).show(folder)
        log = self.query_one(LogPane).view
        self._seen_at = time.monotonic()
        self._watcher = Watcher(folder, lambda look: self._hand_over(self.Seen(folder, look, log.news())))
        self._watcher.compare_with(self.compared)

    def _set_pace(self) -> None:
        """Look seldom while nobody sees it, and at once when somebody does again."""
        every = EVERY if self._is_seen else SELDOM
        if every != self._watcher.every:
            self._watcher.every = every
            self.query_one(LogPane).view.pace(1.5 * every)
            self._watcher.wake()

    @property
    def _is_seen(self) -> bool:
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else [self.screen]
        return self.app.app_focus and all(screen.is_modal for screen in above)

    def _smoothed(self) -> float | None:
        return self._look.curves.of(SMOOTH).last if self._look else None

    def _hand_over(self, message: Message) -> None:
        # In a reading thread. The loop may be closing: then nobody is interested any more.
        with suppress(RuntimeError):
            self.post_message(message)

    def on_run_view_seen(self, event: Seen) -> None:
        """Show what is new."""
        event.stop()
        if event.watcher_of != self.folder:
            return
        look = event.look
        if event.gained:
            self.query_one(LogPane).view.on_log_view_answered(event.gained)
        before, self.status, self._look, self._seen_at = self.status, look.status, look, time.monotonic()
        chart = self.query_one(RunChart)
        self.set_class(look.kind != "train" and not look.curves.by_key, "-no-loss")
        chart.end = look.status.total if look.status.unit == "steps" else None
        chart.show(self.folder.name, look.curves, look.others)
        self._watcher.look_closer(chart.closer)
        self.query_one(ChartCaption).speak_for(chart)
        self.query_one(RunHead).show(look, self.folder.name, self._smoothed())
        self._show_hardware(look)
        if before is None or before.state != look.status.state:
            self.post_message(self.Changed(self.folder, look.status))
        self._watcher.taken()

    def _show_hardware(self, look: Look) -> None:
        if not look.status.alive:
            self._stop_sampling()
        elif look.foreign and self._sampler is None:
            self._sampler = Sampler(self.folder, lambda sample: self._hand_over(self.Sampled(sample)))
        for sample in look.hardware:
            self._history.add(sample)
            self._taken = number(sample.get("time"))
        self._other_machines = {
            rank: Machine(
                sample, checked(sample, self.folder.name), look.time - (number(sample.get("time")) or 0.0)
            )
            for rank, sample in look.nodes.items()
        }
        self._renew_hardware()

    def _renew_hardware(self) -> None:
        look = self._look
        working = bool(look and look.status.state == "running" and (look.elapsed or 0.0) > MINUTE)
        machine = self._history.look(self._age())
        self.query_one(HardwarePanel).show(machine, self._other_machines, working=working)

    def _age(self) -> float | None:
        if self._taken is None:
            return 0.0
        shown_as_last = self._look and not self._look.status.alive and not self._sampler
        return None if shown_as_last else max(0.0, time.time() - self._taken)

    def on_run_view_sampled(self, event: Sampled) -> None:
        """Show this machine beside a run that says nothing of its own."""
        event.stop()
        self._history.add(event.sample)
        self._taken = number(event.sample.get("time"))
        self._renew_hardware()

    def _stop_sampling(self) -> None:
        if self._sampler:
            self._sampler.stop()
            self._sampler = None

    def on_run_chart_turned(self, event: RunChart.Turned) -> None:
        """The chart was turned to something else: its caption says to what."""
        event.stop()
        self.query_one(ChartCaption).renew()
        self._watcher.look_closer(self.query_one(RunChart).closer)

    def _notice_silence(self) -> None:
        silence = time.monotonic() - self._seen_at
        if silence > _SILENT + self._watcher.every - EVERY:
            self.query_one(RunHead).show(self._look, self.folder.name, self._smoothed(), silence)
        if (age := self._age()) and age > OLD:
            self._renew_hardware()

    def on_resize(self, event: Resize) -> None:
        """Side by side where there is room, without empty lines where there is little."""
        self.update_classes(_classes(event.size))
        self.query_one(RunHead).compact = event.size.height < _TINY

    def action_bigger_log(self) -> None:
        """Give the log the whole height, or take it back."""
        self.toggle_class("-big-log")
        if self.has_class("-big-log"):
            self.query_one(LogPane).view.focus()

    # ---- the chart and the machine

    def action_next_curve(self) -> None:
        """Show the next curve."""
        self.query_one(RunChart).next_metric()

    def action_log_scale(self) -> None:
        """Draw the curve by its magnitude, or evenly again."""
        self.query_one(RunChart).toggle_log()

    def action_zoom(self, factor: float) -> None:
        """Show ``factor`` times as many steps."""
        self.query_one(RunChart).zoom(factor)

    def action_pan(self, share: float) -> None:
        """Show what lies before or behind."""
        self.query_one(RunChart).pan(share)

    def action_whole_curve(self) -> None:
        """Show the whole curve, and follow its end."""
        self.query_one(RunChart).show_all()

    def action_cursor(self, cells: int) -> None:
        """Read the next value out, or the one before."""
        self.query_one(RunChart).move_cursor(cells)

    def action_next_bright(self) -> None:
        """Let the next of several runs stand out."""
        self.query_one(RunChart).next_bright()

    def action_machine(self) -> None:
        """Give the machine's readings the whole height, or take it back."""
        panel = self.query_one(HardwarePanel)
        panel.whole = not panel.whole
        self.set_class(panel.whole, "-machine")
        panel.renew()

    def action_compare(self) -> None:
        """Lay another run's curve over this one, or take it away."""
        from tarot_tui.tui.screens.pick import Entry

        others = [
            one for one in reversed(all_jobs(self.app.project, "train")) if one.name != self.folder.name
        ]
        if not others:
            self.notify(_("There is no other training run to compare with."))
            return
        entries = [
            Entry(
                one.name,
                partial(self.compare_with, one),
                _("Lay its curve over this one, or take it away."),
                "•" if one in self.compared else "",
            )
            for one in others
        ]
        self.app.pick(_("Compare with"), entries)

    def compare_with(self, folder: Path) -> None:
        """Lay this run's curve over ours, or take it away again."""
        self.compared = (
            [one for one in self.compared if one != folder]
            if folder in self.compared
            else [*self.compared, folder]
        )
        self._watcher.compare_with(self.compared)

    # ---- the run

    def action_stop(self) -> None:
        """Ask, then let the run save and stop."""
        if self.status and self.status.state == "stopping":
            self.notify(_("It is stopping already; the line above the chart says what happens next."))
        elif not self.status or not self.status.alive:
            self.notify(_("Nothing runs here, so there is nothing to stop."))
        else:
            self.app.push_screen(
                Confirm(
                    _("Stop this run?"),
                    _(
                        "It saves a checkpoint first, which may take a moment (after {time} it is ended by force). "
                        "r then goes on exactly where it stopped."
                    ).format(time=duration(STOP_GRACE)),
                    _("Save and stop"),
                    _("Let it run"),
                ),
                self._stop_if,
            )

    def _stop_if(self, sure: bool | None) -> None:
        if sure:
            from tarot_tui.jobs import control

            self._do(control.request, self.folder, "stop")

    def action_resume(self) -> None:
        """Start the run again from its last checkpoint."""
        if (
            self.status
            and self.status.state in ("running", "starting", "stopping")
            and self.status.supervised
        ):
            self.notify(_("It is running already."))
            return
        from tarot_tui.tui.verbs import resume

        self._do(resume, self.folder)

    def _do(self, verb, *arguments: object) -> None:  # type: ignore[no-untyped-def]
        async def told() -> None:
            try:
                await in_daemon(verb, *arguments)
            except TarotError as error:
                self.notify(str(error), severity="warning", markup=False)
            self._watcher.wake()

        self.run_worker(told(), exclusive=True, group="run-verb")


def _classes(size: Size) -> dict[str, bool]:
    width, height = size
    return {"-wide": width >= WIDE, "-low": height < _LOW, "-tiny": height < _TINY}
