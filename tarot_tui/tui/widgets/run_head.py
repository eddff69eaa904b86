"""The first lines of a run: its name and state in words, how far it is, when it will be done, what next."""

from __future__ import annotations

from typing import Any

from tarot_tui.jobs.status import Status
from tarot_tui.locale import _
from tarot_tui.text import duration
from tarot_tui.tui.head_lines import ROLES, progress_line, times, title_line
from tarot_tui.tui.run_curves import number
from tarot_tui.tui.run_reader import Look
from tarot_tui.tui.spans import Runs, chop_words, flow
from tarot_tui.tui.widgets.lines import Lines

#: Lines that a reason may take.
_REASON_LINES = 3


class RunHead(Lines):
    """The state of a run from its latest look, and the smoothed loss that the chart has computed."""

    PREFIX = "head"
    COMPONENT_CLASSES = {
        "head--name",
        "head--label",
        "head--good",
        "head--doubt",
        "head--bad",
        "head--value",
        "head--bar",
        "head--track",
    }
    DEFAULT_CSS = """
    RunHead { height: auto; }
    RunHead .head--name { color: $text-primary; text-style: bold; }
    RunHead .head--label { color: $text-muted; }
    RunHead .head--value { text-style: bold; }
    RunHead .head--bar { color: $primary; }
    RunHead .head--track { color: $text-disabled; }
    RunHead .head--good { color: $success; text-style: bold; }
    RunHead .head--doubt { color: $warning; text-style: bold; }
    RunHead .head--bad { color: $error; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look: Look | None = None
        self._folder_name = ""
        self._smoothed: float | None = None
        self._silence = 0.0
        #: Whether to leave out what does not fit on one line each.
        self.compact = False

    def show(self, look: Look | None, name: str, smoothed: float | None, silence: float = 0.0) -> None:
        """Show a look at the run in the folder ``name``, None while there has been none.

        silence: seconds for which no newer one has come; 0 while they come as they should.
        """
        self._look, self._folder_name, self._smoothed, self._silence = look, name, smoothed, silence
        self.renew()

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """Name and state; the bar; times; the last readings; a reason and what can be done, where there is one."""
        if self._look is None:
            return [[("label", self._silent() or _("Reading the run…"))]]
        look, found = self._look, self._look.status
        lines = [title_line(look.title, found, self._folder_name, width), progress_line(found, width)]
        for items in (_times(look), _readings(look.metrics, self._smoothed)):
            lines += flow(items, width, 2)[: 1 if self.compact else None]
        for role, sentence in self._sentences(look):
            rows = chop_words(sentence, width)[:_REASON_LINES]
            lines += [[(role, row)] for row in rows]
        return lines

    def _silent(self) -> str:
        if not self._silence:
            return ""
        return _("No news for {time}: the disk does not answer; what you see is that old.").format(
            time=duration(self._silence)
        )

    def _sentences(self, look: Look) -> list[tuple[str, str]]:
        found = look.status
        said: list[tuple[str, str]] = []
        if self._silence:
            said.append(("bad", self._silent()))
        if found.state == "stopping" and look.force_in is not None:
            said.append(("doubt", _(
                "It saves a checkpoint and stops; by force in {time} if it still runs then."
            ).format(time=duration(look.force_in))))  # fmt: skip
        elif found.reason:
            said.append(
                (ROLES.get(found.state, "doubt") if found.state != "running" else "doubt", found.reason)
            )
        if what_next := next_step(found, look.kind, self._folder_name):
            said.append(("", what_next))
        return said


def next_step(found: Status, kind: str, name: str) -> str:
    """What can be done now that the job is over; empty while it works."""
    if found.state == "finished" and kind == "train":
        return _("Next, make a model file of it: tarot-tui export {name}").format(name=name)
    if found.state == "finished" and kind == "export":
        return _("Next, talk to it: tarot-tui chat")
    if found.state == "stopped":
        return _("r goes on exactly where it stopped.")
    if found.state in ("failed", "lost"):
        return _("The log below says more. r goes on from the last checkpoint.")
    return ""


def _times(look: Look) -> list[Runs]:
    items = times(look.status, look.elapsed, look.eta, look.time)
    if throughput := number(look.metrics.get("throughput")):
        items.append([("", _("{count} tokens/s").format(count=f"{throughput:,.0f}"))])
    return items


def _readings(metrics: dict[str, Any], smoothed: float | None) -> list[Runs]:
    shown = (
        (_("loss"), metrics.get("loss"), ".4f"),
        (_("average"), smoothed, ".4f"),
        (_("eval loss"), metrics.get("eval_loss"), ".4f"),
        (_("lr"), metrics.get("lr"), ".2e"),
        (_("grad norm"), metrics.get("grad_norm"), ".3f"),
        (_("epoch"), metrics.get("epoch"), ".2f"),
    )
    items: list[Runs] = []
    for label, value, form in shown:
        reading = number(value, finite=False)
        if reading is None:
            continue
        broken = not abs(reading) < 1e15
        text = "NaN" if reading != reading else "Inf" if broken else format(reading, form)
        text = text.ljust(6)
        items.append([("label", label + " "), ("bad" if broken else "value", text)])
    return items
