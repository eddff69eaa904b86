"""The keys of the live view of a run, for every screen that has one."""

from __future__ import annotations

from textual.screen import Screen

from tarot_tui.locale import N_
from tarot_tui.tui.keys import Key, table
from tarot_tui.tui.widgets.run_view import RunView

RUN: tuple[Key, ...] = table(
    "run",
    Key("o", "o", "run_view('next_curve')", N_("curve"), N_("Chart: the next curve: loss, eval loss, learning rate, gradient norm."), name="curve"),
    Key("m", "m", "run_view('machine')", N_("machine"), N_("Give the machine's readings the whole screen, or take it back."), name="machine"),
    Key("left", "← →", "run_view('cursor', -1)", N_("read"), N_("Chart: read the values out, step by step."), quiet=True, name="cursor_left"),
    Key("right", "→", "run_view('cursor', 1)", N_("read"), N_("Chart: read the values out, the later ones."), quiet=True, name="cursor_right"),
    Key("plus,equals_sign", "+", "run_view('zoom', 0.5)", N_("zoom in"), N_("Chart: fewer steps, larger."), quiet=True, name="zoom_in"),
    Key("minus", "-", "run_view('zoom', 2)", N_("zoom out"), N_("Chart: more steps."), quiet=True, name="zoom_out"),
    Key("comma,shift+left", ",", "run_view('pan', -0.5)", N_("earlier"), N_("Chart: what lies before."), quiet=True, name="earlier"),
    Key("full_stop,shift+right", ".", "run_view('pan', 0.5)", N_("later"), N_("Chart: what lies behind."), quiet=True, name="later"),
    Key("0", "0", "run_view('whole_curve')", N_("whole"), N_("Chart: the whole curve again, following its end."), quiet=True, name="whole"),
    Key("i", "i", "run_view('log_scale')", N_("log scale"), N_("Chart: draw the curve by its magnitude (logarithm), or evenly again."), quiet=True, name="log_scale"),
    Key("d", "d", "run_view('compare')", N_("compare"), N_("Chart: lay the curve of another run over this one, or take it away."), name="compare"),
    Key("D", "D", "run_view('next_bright')", N_("stand out"), N_("Chart: let the next run stand out."), quiet=True, name="stand_out"),
)  # fmt: skip


class RunKeys(Screen[None]):
    """A screen whose run's view, if there is one at the moment, answers these keys."""

    def action_run_view(self, verb: str, *arguments: float) -> None:
        """Let the view do it."""
        for view in self.query(RunView):
            if view.display:
                getattr(view, f"action_{verb}")(*arguments)
