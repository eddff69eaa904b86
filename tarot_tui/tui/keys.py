"""The keys of every screen, as tables: bindings, the key line, the help and the palette are all made from them.

Chosen so that no key fights with a field: letters and digits act while no field has the focus (``escape``
leaves a field), ``ctrl+n`` acts everywhere. Nothing here belongs to a terminal or to tmux (no ctrl+a, b, s, q, z),
and no function key is the only way. Whoever is used to vi finds j, k, g, G, ctrl+d and ctrl+u.

Every key can be changed by the user: see :mod:`tarot_tui.tui.keymap`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

from tarot_tui.locale import N_

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget


@dataclass(frozen=True)
class Key:
    """One key.

    keys: as Textual writes them, several separated by commas. shown: how people read them.
    action: a Textual action of the screen, or of the app when it starts with ``app.``; ``{key}`` stands for the
    key pressed; empty: a widget of the screen binds it, the table only tells of it.
    label, help: translatable, two words at most and one sentence.
    quiet: listed in the help only, not in the key line.
    priority: acts before the field in focus may take the key for itself.
    name: what the user's keymap calls it within its table; the action's own name unless given.
    table: the table it belongs to, set by :func:`table`.
    """

    keys: str
    shown: str
    action: str
    label: str
    help: str
    quiet: bool = False
    priority: bool = False
    name: str = ""
    table: str = ""

    @property
    def id(self) -> str:
        """``table.name``: by this the user's keymap names it. Empty for what cannot be given another key."""
        if not self.action or "{key}" in self.action or not self.table:
            return ""
        return f"{self.table}.{self.name or self.verb.removeprefix('app.')}"

    @property
    def verb(self) -> str:
        """The action without its parameters."""
        return self.action.partition("(")[0]

    def bindings(self) -> list[Binding]:
        """The Textual bindings of this key."""
        return [
            Binding(
                key,
                self.action.format(key=key),
                self.label,
                show=False,
                priority=self.priority,
                id=self.id or None,
            )
            for key in self.keys.split(",")
            if self.action
        ]

    def now(self, keymap: Mapping[str, str]) -> str:
        """How people read it, once the user's ``keymap`` (from id to keys) is applied."""
        return " ".join(map(readable, keymap[self.id].split(","))) if self.id in keymap else self.shown

    def while_typing(self, keymap: Mapping[str, str]) -> str:
        """How people read what of it acts while a field is typed into; empty where all of it would be typed."""
        names = keymap.get(self.id, self.keys).split(",")
        acting = [name for name in names if self.priority or not _writes(name)]
        return self.now(keymap) if acting == names else " ".join(map(readable, acting))


def readable(key: str) -> str:
    """A key as people read it: ``question_mark`` → ``?``."""
    from textual.keys import format_key

    return key.upper() if key[1:].isdigit() else format_key(key)


def _writes(key: str) -> bool:
    """Whether a field takes the key for itself: it puts a character there, or moves in it."""
    from textual.keys import Keys

    if key in ("left", "right", "home", "end", "delete"):
        return True
    return key == "space" or ("+" not in key and key not in {special.value for special in Keys})


def named(key: str) -> str:
    """A key as Textual names it: ``?`` → ``question_mark``."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key


#: Every table by its name, once its screen is imported.
TABLES: dict[str, tuple[Key, ...]] = {}


def table(name: str, *keys: Key) -> tuple[Key, ...]:
    """Declare the table of a screen under a name of its own."""
    TABLES[name] = tuple(replace(key, table=name) for key in keys)
    return TABLES[name]


def at_hand(screen: Screen[Any]) -> dict[Key, Widget]:
    """The keys of the screen, of what has the focus, and of the logs in sight, each with the widget that answers it."""
    found: dict[Key, Widget] = dict.fromkeys(getattr(screen, "key_table", ()), screen)
    answered = {key.id: key for key in found if key.id}
    seen = [screen.focused, *(view for view in screen.query("LogView") if view.region)]
    for widget in filter(None, seen):
        # The screen may list a key of its list's, in its own order.
        found |= {answered.get(key.id, key): widget for key in getattr(widget, "KEYS", ())}
    return found


def bindings(table: Iterable[Key]) -> list[Binding]:
    """The bindings of a whole table, for a screen's ``BINDINGS``."""
    return [binding for key in table for binding in key.bindings()]


#: What every step understands, in the order of the key line.
WIZARD: tuple[Key, ...] = table(
    "wizard",
    Key("enter", "enter", "primary", N_("do it"), N_("Do what the main button says.")),
    Key("n,ctrl+n", "n", "next", N_("next"), N_("Go to the next step (ctrl+n also from inside a field).")),
    Key("p", "p", "previous", N_("back"), N_("Go back to the step before.")),
    Key("1,2,3,4,5,6,7", "1-7", "jump('{key}')", N_("go to"), N_("Go to that step; any order will do.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell.")),
    Key("ctrl+p", "ctrl+p", "app.command_palette", N_("commands"), N_("Find any command by its name.")),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Say what the field is for, and list the keys (F1 in a field).")),
    Key("q", "q", "app.leave", N_("quit"), N_("Leave. Trainings and exports go on without this screen.")),
    Key("g", "g", "app.go_somewhere", N_("go"), N_("Go to a step or a run: g and then one more key."), quiet=True),
    Key("down,j", "↓ j tab", "app.focus_next", N_("down"), N_("Go to the next field or button."), quiet=True),
    Key("up,k", "↑ k", "app.focus_previous", N_("up"), N_("Go to the field or button before."), quiet=True),
    Key("pagedown,ctrl+d", "PgDn ctrl+d", "page(1)", N_("page down"), N_("Show what is below."), quiet=True, name="page_down"),
    Key("pageup,ctrl+u", "PgUp ctrl+u", "page(-1)", N_("page up"), N_("Show what is above."), quiet=True, name="page_up"),
    Key("G", "G", "page(99)", N_("to the end"), N_("Show the end of what is below."), quiet=True, name="to_the_end"),
    Key("escape", "esc", "step_out", N_("step out"), N_("Leave a field, so that letters are keys."), quiet=True),
    Key("r", "r", "look_again", N_("look again"), N_("Read the folder again."), quiet=True),
    Key("T", "T", "app.choose_theme", N_("theme"), N_("Choose other colours; they are remembered."), quiet=True),
    Key("L", "L", "app.choose_language", N_("language"), N_("Choose another language; it is remembered."), quiet=True),
    Key("W", "W", "app.glossary", N_("words"), N_("Look a word up: what a LoRA, an epoch, a quantisation is."), quiet=True),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
)  # fmt: skip

#: Those of them that the app itself answers, so that no screen is without them.
ANYWHERE = tuple(key for key in WIZARD if key.action in ("app.command_palette", "app.redraw"))

#: What lists of every kind understand while they have the focus.
LIST: tuple[Key, ...] = table(
    "list",
    Key("down,j", "↓ j", "move(1)", N_("down"), N_("List: the next one."), quiet=True, name="down"),
    Key("up,k", "↑ k", "move(-1)", N_("up"), N_("List: the one before."), quiet=True, name="up"),
    Key("pagedown,ctrl+d", "PgDn", "page(1)", N_("page down"), N_("List: down by a page."), quiet=True, name="page_down"),
    Key("pageup,ctrl+u", "PgUp", "page(-1)", N_("page up"), N_("List: up by a page."), quiet=True, name="page_up"),
    Key("home", "Home", "first", N_("first"), N_("List: the first one."), quiet=True),
    Key("end,G", "End G", "last", N_("last"), N_("List: the last one."), quiet=True),
)  # fmt: skip
#: What can be ticked is ticked by this.
TICK: tuple[Key, ...] = table(
    "tick",
    Key("space", "space", "toggle", N_("tick"), N_("List: tick it, or take the tick away."), quiet=True),
)
