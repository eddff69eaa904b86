"""Finding documents on this machine: folders by the keys, names by typing, as many as one likes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tarot_tui.data.sources.kinds import KINDS
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, size
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.widgets.documents import Documents
from tarot_tui.tui.widgets.key_line import KeyLine

#: Names of one folder that are shown at most; typing finds among all of them.
SHOWN = 500

KEYS: tuple[Key, ...] = table(
    "browse",
    Key("space", "space", "tick", N_("tick"), N_("Take a document or a whole folder, or leave it out.")),
    Key("right", "→", "open", N_("open"), N_("Look into the folder.")),
    Key("left", "←", "up", N_("up"), N_("Look at the folder around this one.")),
    Key("enter", "enter", "", N_("done"), N_("Use what is ticked; or this document; or look into this folder.")),
    Key("ctrl+o", "ctrl+o", "take", N_("use these"), N_("Use what is ticked.")),
    Key("escape", "esc", "dismiss(None)", N_("back"), N_("Go back without any."), name="leave"),
)  # fmt: skip
_MOVES: tuple[Key, ...] = table(
    "browse_moves",
    Key("down", "↓", "move(1)", N_("down"), N_("The next name."), name="down"),
    Key("up", "↑", "move(-1)", N_("up"), N_("The name before."), name="up"),
    Key("pagedown", "PgDn", "move(10)", N_("page down"), N_("Ten names down."), name="page_down"),
    Key("pageup", "PgUp", "move(-10)", N_("page up"), N_("Ten names up."), name="page_up"),
)


class BrowseScreen(ModalScreen[list[Path] | None]):
    """Dismissed with the documents and folders that were taken, or None."""

    AUTO_FOCUS = "Input"
    # First in line: the field that names are typed into would take the arrows for itself.
    BINDINGS = bindings(replace(key, priority=True) for key in (*KEYS, *_MOVES))
    DEFAULT_CSS = """
    BrowseScreen { align: center middle; }
    BrowseScreen > Vertical {
        width: 100; max-width: 100%; height: 100%; padding: 0 1; background: $panel; border: round $primary;
    }
    BrowseScreen Input { margin-bottom: 1; }
    BrowseScreen Documents { height: 1fr; max-height: 100%; }
    BrowseScreen Documents > .option-list--option-highlighted {
        background: $cursor-row; color: $foreground; text-style: bold;
    }
    BrowseScreen Documents:ansi > .option-list--option-highlighted { text-style: reverse; }
    BrowseScreen #hint { height: auto; max-height: 3; margin-top: 1; color: $text-muted; }
    BrowseScreen KeyLine { padding: 0; }
    """

    def __init__(self, start: Path) -> None:
        super().__init__()
        self.folder = start.absolute()
        self.ticked: set[str] = set()
        self._found: list[tuple[Path, bool, int]] = []

    def compose(self) -> ComposeResult:
        """Where, what to type, the names, what is ticked, the keys."""
        with Vertical():
            box = _Field(placeholder=_("type a part of a name, or a path"), compact=True)
            box.cursor_blink = False
            yield box
            yield Documents(id="names")
            yield Static(id="hint", markup=False)
            yield KeyLine(KEYS)

    def on_mount(self) -> None:
        """Look into the first folder."""
        self.query_one(Documents).can_focus = False
        self._look_into(self.folder)

    # ---- folders

    def _look_into(self, folder: Path, came_from: str = "") -> None:
        self.run_worker(self._listed(folder, came_from), group="look", exclusive=True)

    async def _listed(self, folder: Path, came_from: str) -> None:
        try:
            found = await in_daemon(listing, folder)
        except OSError as error:
            self._say(
                _("{folder} cannot be looked into: {reason}.").format(
                    folder=folder, reason=error.strerror or error
                )
            )
            return
        self.folder, self._found = folder, found
        self.query_one(Vertical).border_title = Content(one_line(str(folder), 90))
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self._show(came_from)

    def _show(self, highlighted: str = "") -> None:
        typed = self.query_one(Input).value.casefold()
        fitting = [one for one in self._found if typed in one[0].name.casefold()][:SHOWN]
        names = self.query_one(Documents)
        names.show(
            [(str(path), _label(path, folder, volume)) for path, folder, volume in fitting], self.ticked
        )
        if highlighted in names.known:
            names.highlighted = names.known.index(highlighted)
        elif fitting:
            names.highlighted = 0
        self._count()

    def _count(self) -> None:
        documents = sum(not folder for _path, folder, _size in self._found)
        words = _("{ticked} ticked; documents here that can be read: {count}").format(
            ticked=len(self.ticked), count=documents
        )
        self._say(words)

    def _say(self, sentence: str) -> None:
        self.query_one("#hint", Static).update(sentence)

    @property
    def _here(self) -> Path | None:
        names = self.query_one(Documents)
        return None if names.highlighted is None or not names.known else Path(names.known[names.highlighted])

    # ---- keys

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the names that hold what is typed."""
        event.stop()
        if not event.value.startswith(("/", "~")):
            self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A typed path; else what is ticked; else the document, or the folder, under the cursor."""
        event.stop()
        if event.value.startswith(("/", "~")):
            typed = Path(event.value).expanduser()
            if typed.is_dir():
                self._look_into(typed)
            elif typed.suffix.lower() in KINDS and typed.is_file():
                self.dismiss([typed])
            else:
                self._say(_("{file} is no folder, and no document that can be read.").format(file=typed))
        elif self._here and self._here.is_dir():
            self._look_into(self._here)
        elif self.ticked:
            self.action_take()
        elif self._here:
            self.dismiss([self._here])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The mouse looks into folders, and ticks documents."""
        if self._here and self._here.is_dir():
            event.stop()
            self._look_into(self._here)

    def on_documents_changed(self) -> None:
        """Another tick; those in other folders stay."""
        names = self.query_one(Documents)
        self.ticked = (self.ticked - set(names.known)) | set(names.selected)
        self._count()

    def action_tick(self) -> None:
        """Tick, and go on to the next."""
        self.query_one(Documents).action_toggle()
        self.action_move(1)

    def action_open(self) -> None:
        """Look into the folder under the cursor."""
        if self._here and self._here.is_dir():
            self._look_into(self._here)

    def action_up(self) -> None:
        """Look at the folder around this one."""
        if self.folder.parent != self.folder:
            self._look_into(self.folder.parent, str(self.folder))

    def action_move(self, by: int) -> None:
        """Move in the list while the field keeps the focus."""
        names = self.query_one(Documents)
        if names.known:
            names.highlighted = max(0, min(len(names.known) - 1, (names.highlighted or 0) + by))

    def action_take(self) -> None:
        """Use what is ticked."""
        if self.ticked:
            self.dismiss([Path(path) for path in sorted(self.ticked)])


class _Field(Input):
    """Leaves the space key to the screen."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key != "space" and super().check_consume_key(key, character)


def listing(folder: Path) -> list[tuple[Path, bool, int]]:
    """(path, whether it is a folder, bytes) of the folders and the documents in ``folder``; hidden ones left out.

    Raises OSError when it cannot be listed.
    """
    found: list[tuple[Path, bool, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
                if is_folder or Path(entry.name).suffix.lower() in KINDS and entry.is_file():
                    found.append((Path(entry.path), is_folder, 0 if is_folder else entry.stat().st_size))
            except OSError:
                continue  # a link to nowhere
    return sorted(found, key=lambda one: (not one[1], one[0].name.casefold()))


def _label(path: Path, folder: bool, volume: int) -> Content:
    if folder:
        return Content(one_line(path.name, 80) + "/")
    return Content(one_line(path.name, 80)) + Content.styled(f"  {size(volume)}", "$text-muted")
