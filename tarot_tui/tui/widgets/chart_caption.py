"""The line above a chart: which curve it is, what its marks mean, and what is read at the cursor."""

from __future__ import annotations

from rich.cells import cell_len

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.tui.spans import Runs, spread, width_of
from tarot_tui.tui.widgets.chart import MARKS, RunChart
from tarot_tui.tui.widgets.chart_look import ChartLines, colours_of


class ChartCaption(ChartLines):
    """Speaks for one chart."""

    DEFAULT_CSS = """
    ChartCaption { height: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._chart: RunChart | None = None

    def speak_for(self, chart: RunChart) -> None:
        """Say what ``chart`` shows now."""
        self._chart = chart
        self.renew()

    def compose_lines(self, width: int, height: int) -> list[Runs]:
        """The one line: on the left the curve and its look, on the right what there is to say."""
        chart = self._chart
        if chart is None:
            return [[]]
        left: Runs = [("name", _("{curve} by step").format(curve=_(chart.metric.title).capitalize()))]
        if chart.metric.key in chart.by_magnitude:
            left += [("note", " " + _("(log)"))]
        room = width - width_of(left) - 1
        right = self._at_cursor(chart, room) or self._remarks(chart)
        if width_of(right) > room:
            # The marks themselves say less than their words, but more than nothing.
            right = [(role, text) for role, text in right if role != "note"]
        legend = self._runs(chart) if chart.others else self._look(chart)
        # The legend gives way to what is read out.
        if width_of(left) + width_of(legend) + width_of(right) + 4 <= width or chart.others:
            left += [("", "  "), *legend]
        return [spread(left, right, width)]

    def _look(self, chart: RunChart) -> Runs:
        if chart.metric.key != "loss":
            return []
        runs: Runs = [("raw", _("thin: readings")), ("", "  "), ("smooth", _("bold: average"))]
        if chart.curves.of("eval_loss").points:
            runs += [("", "  "), ("eval", _("eval"))]
        return runs

    def _runs(self, chart: RunChart) -> Runs:
        colours = colours_of(chart.runs)
        runs: Runs = []
        for name in sorted(chart.runs):
            bright = name == chart.bright
            shown = one_line(name.partition("-")[2].partition("-")[2] or name, 20)
            runs += [(f"{'run' if bright else 'dim'}{colours[name]}", f"{'*' if bright else ' '}{shown} ")]
        return runs

    def _at_cursor(self, chart: RunChart, room: int) -> Runs:
        if chart.cursor is None:
            return []
        runs: Runs = [("note", _("step {step}").format(step=f"{chart.cursor:,.0f}"))]
        for name, reading in chart.readings_at_cursor():
            short = name if cell_len(name) <= 16 else name[-16:]
            more: Runs = [("note", f"  {short} "), ("smooth", reading)]
            if width_of(runs) + width_of(more) <= room:
                runs += more
        return runs

    def _remarks(self, chart: RunChart) -> Runs:
        curves = chart.runs[chart.bright]
        words = {"checkpoint": _("saved"), "resume": _("resumed"), "memory": _("out of memory")}
        runs: Runs = []
        for kind, char in MARKS.items():
            if any(mark.kind == kind for mark in curves.marks):
                runs += [("mark", f"  {char} "), ("note", words[kind])]
        if count := curves.of(chart.metric.key).bad_count:
            runs += [("bad", "  " + _("! no number: {count}").format(count=count))]
        if chart.window.span is not None:
            runs += [("note", "  " + (_("zoomed, following") if chart.window.follows else _("zoomed")))]
        return runs
