"""One of many, found by typing: the palette, themes, languages, runs and words are all picked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tarot_tui.locale import N_, _
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.spans import cut

#: Cells that the labels of a list take at most, before what is said of them begins; and the least room for that.
_COLUMN, _ROOM_FOR_A_NOTE = 26, 12


KEYS: tuple[Key, ...] = table(
    "pick",
    Key("escape,ctrl+p", "esc", "dismiss(None)", N_("leave"), N_("Pick nothing."), name="leave"),
    Key("down,ctrl+n", "↓", "move('cursor_down')", N_("down"), N_("The next name."), name="down"),
    Key("up", "↑", "move('cursor_up')", N_("up"), N_("The name before."), name="up"),
    Key("pagedown", "PgDn", "move('page_down')", N_("page down"), N_("A page of names down."), name="page_down"),
    Key("pageup", "PgUp", "move('page_up')", N_("page up"), N_("A page of names up."), name="page_up"),
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One thing to pick: what it is called, what there is to say of it, what stands at the right edge (a key)."""

    label: str
    value: Any
    note: str = ""
    right: str = ""


class Pick(ModalScreen[Any]):
    """Dismissed with the value of the entry that was picked, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS = bindings(KEYS)
    WIDTH: ClassVar[int] = 76
    DEFAULT_CSS = """
    Pick { align-horizontal: center; }
    Pick > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%; margin-top: 2; padding: 0 1;
        background: $panel; border: round $primary;
    }
    Pick Input { margin-bottom: 1; }
    Pick OptionList {
        height: auto; max-height: 12; padding: 0; border: none; background: transparent;
        scrollbar-size-vertical: 1;
    }
    .-tall Pick OptionList, Pick.-tall OptionList { max-height: 28; }
    Pick #hint { height: auto; min-height: 3; max-height: 5; margin-top: 1; color: $text-muted; }
    """

    def __init__(self, question: str, entries: Sequence[Entry], chosen: Any = None) -> None:
        """``question`` stands above; ``chosen`` is highlighted at first."""
        super().__init__()
        self._question = question
        self._entries = list(entries)
        self._chosen = chosen
        self._shown: list[Entry] = []

    def compose(self) -> ComposeResult:
        """The field, the list, and what the highlighted one is."""
        with Vertical():
            box = Input(placeholder=_("type to find"), compact=True)
            box.cursor_blink = False
            yield box
            yield OptionList(compact=True, markup=False)
            yield Static(id="hint", markup=False)

    def on_mount(self) -> None:
        """Show all."""
        self.query_one(Vertical).border_title = Content(self._question)
        self.query_one(OptionList).can_focus = False
        self._list("")

    def on_resize(self) -> None:
        """What stands at the right edge moves with it."""
        self._list(self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Typed: only what says all of the words is left, what begins with them first."""
        event.stop()
        self._chosen = None
        self._list(event.value)

    def _list(self, typed: str) -> None:
        self._shown = found(self._entries, typed)
        width = min(self.WIDTH, self.size.width) - 5
        options = self.query_one(OptionList)
        options.clear_options()
        column = min(_COLUMN, max((cell_len(entry.label) for entry in self._entries), default=0))
        options.add_options([Option(_line(entry, width, column)) for entry in self._shown])
        if self._shown:
            options.highlighted = next(
                (
                    i
                    for i, entry in enumerate(self._shown)
                    if self._chosen is not None and entry.value == self._chosen
                ),
                0,
            )
        else:
            self.query_one("#hint", Static).update(_("Nothing is called that."))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what it is."""
        event.stop()
        if event.option_index < len(self._shown):
            self.query_one("#hint", Static).update(self._shown[event.option_index].note)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter picks what is highlighted."""
        event.stop()
        self._pick(self.query_one(OptionList).highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The mouse picks, too."""
        event.stop()
        self._pick(event.option_index)

    def _pick(self, index: int | None) -> None:
        if index is not None and index < len(self._shown):
            self.dismiss(self._shown[index].value)

    def action_move(self, how: str) -> None:
        """Move in the list while the field keeps the focus."""
        getattr(self.query_one(OptionList), f"action_{how}")()


def found(entries: Sequence[Entry], typed: str) -> list[Entry]:
    """The entries that say every word of ``typed``, those whose label begins so or says it before the others."""
    words = typed.casefold().split()

    def rank(entry: Entry) -> int:
        label = entry.label.casefold()
        return 0 if label.startswith(" ".join(words)) else 1 if all(word in label for word in words) else 2

    fitting = [
        e for e in entries if all(word in f"{e.label} {e.note} {e.right}".casefold() for word in words)
    ]
    return sorted(fitting, key=rank) if words else fitting


def _line(entry: Entry, width: int, column: int) -> Content:
    """The label, in its column; what there is to say of it, as far as there is room; what stands at the right edge."""
    label = cut(entry.label, max(8, width - cell_len(entry.right) - 1))
    label += " " * (column - cell_len(label))
    room = width - cell_len(label) - cell_len(entry.right) - 3
    note = cut(entry.note, room) if room >= _ROOM_FOR_A_NOTE else ""
    gap = max(1, width - cell_len(label) - cell_len(entry.right) - (cell_len(note) + 2 if note else 0))
    between = Content("  ") + Content.styled(note, "$text-muted") if note else Content("")
    return Content(label) + between + Content(" " * gap) + Content.styled(entry.right, "$text-muted")
