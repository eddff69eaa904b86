"""After ``g``: one more key leads to a step or to a run."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tarot_tui.locale import N_, _
from tarot_tui.text import one_line
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.steps import STEPS, runs

_LETTERS = dict(zip(("e", "d", "p", "t", "x", "o", "c"), STEPS, strict=True))

KEYS: tuple[Key, ...] = table(
    "go",
    *(
        Key(letter, letter, f"step('{step.id}')", step.title, step.purpose, name=step.id)
        for letter, step in _LETTERS.items()
    ),
    Key("r", "r", "runs", N_("runs"), N_("Every run of the project.")),
    Key("g", "g", "top", N_("top"), N_("To the top of this screen.")),
    Key("1,2,3,4,5,6,7,8,9", "1-9", "run('{key}')", N_("run"), N_("Watch one of the latest runs.")),
)
_LEAVE: tuple[Key, ...] = table(
    "go_leave",
    Key("escape,q,enter,space", "esc", "dismiss", N_("stay"), N_("Stay where you are."), name="stay"),
)


class GoScreen(ModalScreen[None]):
    """Lists where one can go; any other key closes it."""

    BINDINGS = bindings((*KEYS, *_LEAVE))
    DEFAULT_CSS = """
    GoScreen { align: left bottom; }
    GoScreen > Vertical {
        width: 100%; height: auto; padding: 0 1; background: $panel; border-top: solid $primary;
    }
    GoScreen Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """The steps on one line, the runs below."""
        keymap = self.app.keymap
        pairs = [_pair(key.now(keymap), _(key.label)) for key in KEYS if key.id]
        with Vertical():
            yield Static(Content("\n").join(_packed(pairs, self.app.size.width - 2)))
            for number, folder in enumerate(self._runs(), 1):
                yield Static(_pair(str(number), one_line(folder.name, 70)))

    def _runs(self) -> list[Path]:
        project = getattr(self.app, "project", None)
        return list(reversed(runs(project)))[:9] if project else []

    def action_step(self, step: str) -> None:
        """Go to that step."""
        self.dismiss()
        if go := getattr(self.app, "go", None):
            self.app.call_later(go, step)

    def action_run(self, number: str) -> None:
        """Watch that run."""
        found = self._runs()
        if int(number) <= len(found):
            self.dismiss()
            self.app.call_later(self.app.watch_run, found[int(number) - 1])

    def action_runs(self) -> None:
        """Show the list of runs."""
        self.dismiss()
        self.app.call_later(self.app.action_list_runs)

    def action_top(self) -> None:
        """To the top of the screen below."""
        self.dismiss()
        below = self.app.screen_stack[-2]
        if hasattr(below, "action_page"):
            below.action_page(-99)


def _pair(key: str, label: str) -> Content:
    return Content.styled(key, "bold $footer-key-foreground") + Content(f" {label}")


def _packed(pieces: list[Content], width: int) -> list[Content]:
    """As many pieces on a line as fit, so that none is torn apart."""
    lines = pieces[:1]
    for piece in pieces[1:]:
        longer = lines[-1] + Content("  ") + piece
        if longer.cell_length <= width:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines
