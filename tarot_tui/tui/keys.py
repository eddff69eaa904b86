"""The wizard's keys, as one table: bindings, the key line at the bottom and the help are all made from it.

Chosen so that no key fights with a field: letters and digits act while no field has the focus (``escape``
leaves a field), ``ctrl+n`` acts everywhere. Nothing here belongs to a terminal or to tmux (no ctrl+a, b, s, q, z),
and no function key is the only way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding

from tarot_tui.locale import N_, _


@dataclass(frozen=True)
class Key:
    """One key.

    keys: as Textual writes them, several separated by commas. shown: how people read them.
    action: a Textual action of the screen, or of the app when it starts with ``app.``; ``{key}`` stands for the
    key pressed; empty: a widget of the screen binds it, the table only tells of it.
    label, help: translatable, two words at most and one sentence.
    quiet: listed in the help only, not in the key line.
    """

    keys: str
    shown: str
    action: str
    label: str
    help: str
    quiet: bool = False

    def bindings(self) -> list[Binding]:
        """The Textual bindings of this key."""
        return [
            Binding(key, self.action.format(key=key), _(self.label), show=False)
            for key in self.keys.split(",")
            if self.action
        ]


def bindings(table: Iterable[Key]) -> list[Binding]:
    """The bindings of a whole table, for a screen's ``BINDINGS``."""
    return [binding for key in table for binding in key.bindings()]


#: What every step understands, in the order of the key line.
WIZARD: tuple[Key, ...] = (
    Key("enter", "enter", "primary", N_("do it"), N_("Do what the main button says.")),
    Key("n,ctrl+n", "n", "next", N_("next"), N_("Go to the next step (ctrl+n also from inside a field).")),
    Key("p", "p", "previous", N_("back"), N_("Go back to the step before.")),
    Key("1,2,3,4,5,6,7", "1-7", "jump('{key}')", N_("go to"), N_("Go to that step; any order will do.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell.")),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key(
        "q", "q", "app.leave", N_("quit"), N_("Leave. Trainings and exports go on without this screen."),
    ),
    Key("down", "↓ tab", "app.focus_next", N_("down"), N_("Go to the next field or button."), quiet=True),
    Key("up", "↑", "app.focus_previous", N_("up"), N_("Go to the field or button before."), quiet=True),
    Key("pagedown", "PgDn", "page(1)", N_("page down"), N_("Show what is below."), quiet=True),
    Key("pageup", "PgUp", "page(-1)", N_("page up"), N_("Show what is above."), quiet=True),
    Key("escape", "esc", "step_out", N_("step out"), N_("Leave a field, so that letters are keys."), quiet=True),
    Key("r", "r", "look_again", N_("look again"), N_("Read the folder again."), quiet=True),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
    Key("ctrl+p", "ctrl+p", "app.command_palette", N_("commands"), N_("Find any command by its name."), quiet=True),
)  # fmt: skip
