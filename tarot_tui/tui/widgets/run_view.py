"""The live view of one run: head, loss chart, hardware and log, fed by the job's files and by nothing else."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.events import Resize
from textual.message import Message

from tarot_tui.errors import TarotError
from tarot_tui.jobs import control
from tarot_tui.jobs.status import Status
from tarot_tui.jobs.stopping import STOP_GRACE
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.run_reader import Look, Watcher, number
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.chart import LossChart
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.hardware import HardwarePanel
from tarot_tui.tui.widgets.log import LogView
from tarot_tui.tui.widgets.run_head import RunHead

#: Cells of width from which the chart and the hardware stand side by side.
WIDE = 100
#: Lines of height below which there are no empty ones, and below which only the most important are there.
_LOW, _TINY = 34, 18
#: Seconds without a look after which the screen says so.
_SILENT = 3.0


class RunView(Container):
    """Everything about one run, kept up to date. Closing it changes nothing for the run.

    A screen binds keys of its own choice to ``action_stop``, ``action_resume`` and ``action_bigger_log``.
    """

    DEFAULT_CSS = """
    RunView { layout: vertical; height: 1fr; padding: 0 1; }
    RunView > #middle { layout: vertical; height: 3fr; margin-top: 1; }
    RunView #curve { height: 1fr; }
    RunView #log-part { height: 2fr; margin-top: 1; }
    RunView.-low > #middle, RunView.-low > #log-part { margin-top: 0; }
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
    """

    class Changed(Message):
        """The run's state is another than before (also sent for the first look)."""

        def __init__(self, folder: Path, status: Status) -> None:
            super().__init__()
            self.folder = folder
            self.status = status

    class Seen(Message):
        """A new look, from the thread that reads the files."""

        def __init__(self, watcher_of: Path, look: Look) -> None:
            super().__init__()
            self.watcher_of = watcher_of
            self.look = look

    def __init__(self, folder: Path, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="-no-loss")
        self.folder = folder
        self.status: Status | None = None
        self._watcher: Watcher | None = None
        self._look: Look | None = None
        self._seen_at = 0.0

    def compose(self) -> ComposeResult:
        """Head, then chart and hardware, then the log."""
        yield RunHead()
        with Container(id="middle"):
            with Vertical(id="curve"):
                legend = [("raw", _("thin: readings")), ("", "  "), ("smooth", _("bold: average"))]
                yield Caption(_("Loss by step"), legend)
                yield LossChart()
            yield HardwarePanel()
        with Vertical(id="log-part"):
            yield Caption(_("Log"))
            yield LogView()

    def on_mount(self) -> None:
        """Begin to look."""
        self.show(self.folder)
        self.set_interval(1.0, self._notice_silence)

    def on_unmount(self) -> None:
        """Stop looking; a look that hangs is left behind."""
        self._watcher.stop()

    def show(self, folder: Path) -> None:
        """Watch the run in ``folder`` from now on."""
        if self._watcher:
            self._watcher.stop()
        self.folder, self.status, self._look = folder, None, None
        self.query_one(LossChart).clear()
        self.query_one(LogView).clear()
        self._seen_at = time.monotonic()
        self._watcher = Watcher(folder, lambda look: self._hand_over(folder, look))

    def _smoothed(self) -> float | None:
        return self.query_one(LossChart).smooth.last

    def _hand_over(self, folder: Path, look: Look) -> None:
        # In the reading thread. The loop may be closing: then nobody is interested any more.
        with suppress(RuntimeError):
            self.post_message(self.Seen(folder, look))

    def on_run_view_seen(self, event: Seen) -> None:
        """Show what is new."""
        event.stop()
        if event.watcher_of != self.folder:
            return
        look = event.look
        before, self.status, self._look, self._seen_at = self.status, look.status, look, time.monotonic()
        chart = self.query_one(LossChart)
        for step, loss in look.losses:
            chart.append(step, loss)
        self.set_class(look.kind != "train" and not chart.raw.points, "-no-loss")
        chart.end = look.status.total if look.status.unit == "steps" else None
        chart.renew()
        self._show_bad(chart)
        self.query_one(RunHead).show(look, self.folder.name, self._smoothed())
        taken = number(look.hardware.get("time")) or look.time
        age = look.time - taken if look.status.alive else None
        self.query_one(HardwarePanel).show(look.hardware, age)
        self.query_one(LogView).extend(look.log, look.partial)
        if before is None or before.state != look.status.state:
            self.post_message(self.Changed(self.folder, look.status))
        self._watcher.taken()

    def _show_bad(self, chart: LossChart) -> None:
        count = chart.raw.bad_count
        note = [("bad", _("! no number: {count}").format(count=count))] if count else []
        self.query_one("#curve Caption", Caption).show(note)

    def _notice_silence(self) -> None:
        silence = time.monotonic() - self._seen_at
        if silence > _SILENT:
            self.query_one(RunHead).show(self._look, self.folder.name, self._smoothed(), silence)

    def on_log_view_moved(self, event: LogView.Moved) -> None:
        """Say whether the log is followed."""
        event.stop()
        words = (
            _("{count} more below; End follows").format(count=event.below) if event.below else _("following")
        )
        self.query_one("#log-part Caption", Caption).show([("note", words)])

    def on_resize(self, event: Resize) -> None:
        """Side by side where there is room, without empty lines where there is little."""
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height < _LOW, "-low")
        self.set_class(event.size.height < _TINY, "-tiny")
        self.query_one(RunHead).compact = event.size.height < _TINY

    def action_bigger_log(self) -> None:
        """Give the log the whole height, or take it back."""
        self.toggle_class("-big-log")

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
        self._do(_resume, self.folder)

    def _do(self, verb, *arguments: object) -> None:  # type: ignore[no-untyped-def]
        async def told() -> None:
            try:
                await in_daemon(verb, *arguments)
            except TarotError as error:
                self.notify(str(error), severity="warning", markup=False)
            self._watcher.wake()

        self.run_worker(told(), exclusive=True, group="run-verb")


def _resume(folder: Path) -> None:
    """Go on with a job; a training takes up what was changed in its recipe meanwhile, as ``tarot-tui resume`` does."""
    from tarot_tui.jobs.spec import kind_of

    control.check_resumable(folder)
    if kind_of(folder) == "train" and (folder / "recipe.yaml").exists():
        from tarot_tui.training.resume import apply, changes

        project = Project(folder.parents[1])
        if found := changes(project, folder):
            apply(project, folder, found, lambda line: None)
    control.resume(folder)
