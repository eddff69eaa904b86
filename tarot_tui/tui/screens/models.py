"""Base models: those on this machine, and those on the hub that a search finds. One can be chosen, fetched, removed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line, size
from tarot_tui.tui import child
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.finding_list import FindingList
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.shell_line import ShellLine

#: Seconds without a key press before the hub is asked.
_PAUSE = 0.5
#: Letters from which a search makes sense.
_ENOUGH = 3

_KEYS: tuple[Key, ...] = table(
    "models",
    Key("enter", "enter", "", N_("choose"), N_("Take the model in the list as the base of the recipe.")),
    Key("slash", "/", "search", N_("search"), N_("Look for a model on the hub by a part of its name.")),
    Key("i", "i", "look_closer", N_("look at"), N_("Say what the model is, and whether it can be trained and served.")),
    Key("d", "d", "fetch", N_("download"), N_("Fetch the model; that goes on without this screen.")),
    Key("x", "x", "remove", N_("remove"), N_("Remove the model from this machine.")),
    Key("l", "l", "login", N_("account"), N_("Log in to the hub, for models that are gated.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell."), quiet=True),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("escape,q", "esc", "leave", N_("back"), N_("Go back to where you came from.")),
)  # fmt: skip


class ModelsScreen(LookScreen):
    """Dismissed with whether one was chosen; :attr:`chosen` is its name then."""

    AUTO_FOCUS = "#models"
    KEYS = _KEYS
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    ModelsScreen #search { margin: 0 1; width: 1fr; }
    ModelsScreen #models { height: 1fr; margin: 1 0 0 0; border: none; padding: 0 1; background: $background; }
    ModelsScreen #about { padding: 0 1; height: auto; max-height: 5; }
    ModelsScreen FindingList { height: auto; max-height: 6; padding: 0 1; display: none; }
    """

    def __init__(self, project: Project, name: str = "") -> None:
        """``name``: the model that is in use, which is shown first."""
        super().__init__()
        self.project = project
        self.chosen = ""
        self._name = name
        self._here: list[dict[str, Any]] = []
        self._hits: list[dict[str, Any]] = []

    def compose(self) -> ComposeResult:
        """The search, the list, what is known of one."""
        yield Caption(_("Base models"))
        field = Input(id="search", compact=True, placeholder=_("/ searches the hub, such as qwen3 4b"))
        field.cursor_blink = False
        yield field
        yield OptionList(id="models", compact=True, markup=False)
        yield Static(id="about", markup=False)
        yield FindingList(id="doubts")
        yield Static(_("Looking at what is here…"), id="notice", markup=False)
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    def on_mount(self) -> None:
        """List what is on this machine."""
        self.query_one(ShellLine).show(["models", "list"])
        self.in_background(self._list, "list")

    show_again = on_mount

    # ---- what there is

    async def _list(self) -> None:
        found = (await child.run(self.project, ["models", "list"])).expect_success()
        self._here = found or []
        self._rebuild()
        total = sum(one["size"] for one in self._here)
        self.say(
            _("{count} on this machine, {size} in all.").format(count=len(self._here), size=size(total))
            if self._here
            else _("No base models are on this machine yet.")
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask the hub once the typing pauses."""
        words = event.value.strip()
        if len(words) >= _ENOUGH:
            self.query_one(ShellLine).show(["models", "search", *words.split()])
            self.in_background(partial(self._search, words), "search")
        elif self._hits:
            self._hits = []
            self._rebuild()

    async def _search(self, words: str) -> None:
        await asyncio.sleep(_PAUSE)
        self.say(_("Asking the hub…"))
        self._hits = (await child.run(self.project, ["models", "search", *words.split()])).expect_success()
        self._rebuild(first=self._hits[0]["name"] if self._hits else "")
        if self._hits:
            self.say(_("i tells whether one can be trained and served; d fetches it."))
        else:
            self.say(_("No model of that name writes text."))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Into the list."""
        event.stop()
        self.query_one("#models").focus()

    def _rebuild(self, first: str = "") -> None:
        """List what the hub found, then what is here; ``first`` or the one that was highlighted is so then."""
        menu = self.query_one("#models", OptionList)
        kept = first or self._model or self._name
        names = {one["name"] for one in self._here}
        rows = [self._row(one) for one in self._hits if one["name"] not in names]
        rows += [self._row(one, here=True) for one in self._here]
        menu.clear_options()
        menu.add_options(rows)
        places = [option.id for option in rows]
        if rows:
            menu.highlighted = places.index(kept) if kept in places else 0

    def _row(self, one: dict[str, Any], *, here: bool = False) -> Option:
        if here:
            state = _("on this machine") if one["whole"] else _("only a part is here")
        else:
            state = _("gated") if one["gated"] else _("on the hub")
        name = set_cell_size(one_line(one["name"], 60), 40)
        weight = f"{size(one['size']) if one['size'] else '–':>9}"
        licence = one_line(one.get("license") or "", 14)
        line = Content(f"{name} {weight}  ") + Content.styled(f"{state}  {licence}", "$text-muted")
        return Option(line, id=one["name"])

    @property
    def _model(self) -> str:
        menu = self.query_one("#models", OptionList)
        if menu.highlighted is None or not menu.option_count:
            return ""
        return menu.get_option_at_index(menu.highlighted).id or ""

    # ---- one of them

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """What was said of another one is said no more."""
        if event.option_list.id == "models" and event.option_id != self._name:
            self._name = event.option_id or ""
            self.query_one("#about", Static).update("")
            self.query_one("#doubts").display = False
            self.query_one(ShellLine).show(["models", "show", self._name])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter: this one."""
        if event.option_list.id == "models":
            event.stop()
            self.chosen = event.option_id or ""
            self.dismiss(True)

    def action_search(self) -> None:
        """Into the search field."""
        self.query_one("#search").focus()

    def action_look_closer(self) -> None:
        """What it is, and whether it can be trained and served."""
        if name := self._model:
            self.say(_("Looking at {name}…").format(name=one_line(name, 60)))
            self.in_background(partial(self._look, name), "look")

    async def _look(self, name: str) -> None:
        found = (await child.run(self.project, ["models", "show", name])).document
        if name != self._model:
            return
        takes = found["system"] in ("first", "last")
        lines = [
            _("{architecture}, licence {license}, texts of up to {count} tokens").format(
                architecture=found["architecture"],
                license=found["license"] or _("unknown"),
                count=found["context"] or "?",
            ),
            _("takes a system prompt") if takes else _("takes no system prompt"),
        ]
        self.query_one("#about", Static).update(Content("\n".join(lines)))
        doubts = self.query_one("#doubts", FindingList)
        doubts.show(Finding(**one) for one in found["findings"])
        doubts.display = bool(found["findings"])
        if found["findings"]:
            self.say("")
        else:
            self.say(_("It can be trained, become a GGUF, and be served as it was trained."))

    def action_fetch(self) -> None:
        """Fetch it, as a job."""
        name = self._model
        if not name:
            return
        if any(one["name"] == name and one["whole"] for one in self._here):
            self.say(_("All of {name} is on this machine.").format(name=one_line(name, 60)))
            return
        weight = next((one["size"] for one in self._hits if one["name"] == name), 0)
        effect = _("{size} are fetched; the download goes on without this screen.").format(
            size=size(weight) if weight else "?"
        )
        self.app.push_screen(
            Confirm(_("Download {name}?").format(name=one_line(name, 60)), effect, _("Download")),
            lambda sure: self.in_background(partial(self._fetch, name), "fetch") if sure else None,
        )

    async def _fetch(self, name: str) -> None:
        argv = ["models", "get", name, "--yes"]
        self.query_one(ShellLine).show(argv)
        telling = asyncio.create_task(self._tell_progress(name))
        try:
            found = (await child.run(self.project, argv)).document
        finally:
            telling.cancel()
        if found["state"] != "finished":
            raise TarotError(found["reason"])
        await self._list()
        self.say(_("{name} is on this machine.").format(name=one_line(name, 60)))

    async def _tell_progress(self, name: str) -> None:
        from tarot_tui.jobs import status
        from tarot_tui.jobs.find import all_jobs

        self.say(_("Asking the hub…"))
        while True:
            await asyncio.sleep(1)
            jobs = all_jobs(self.project, "download")
            found = status.read(jobs[-1]) if jobs else None
            if found and found.alive and found.total:
                self.say(
                    _("Fetching {name}: {done} of {size}").format(
                        name=one_line(name, 50), done=size(found.step or 0), size=size(found.total)
                    )
                )

    def action_remove(self) -> None:
        """Ask, then remove it."""
        one = next((one for one in self._here if one["name"] == self._model), None)
        if one is None:
            self.say(_("That model is not on this machine."))
            return
        self.app.push_screen(
            Confirm(
                _("Remove {name}?").format(name=one_line(one["name"], 60)),
                _("{size} become free. Runs made from it cannot be exported then.").format(
                    size=size(one["size"])
                ),
                _("Remove"),
            ),
            lambda sure: self.in_background(partial(self._remove, one["name"]), "fetch") if sure else None,
        )

    async def _remove(self, name: str) -> None:
        (await child.run(self.project, ["models", "rm", name, "--yes"])).expect_success()
        await self._list()

    def action_login(self) -> None:
        """The account."""
        from tarot_tui.tui.screens.login import LoginScreen

        self.app.push_screen(LoginScreen(self.project))

    def action_leave(self) -> None:
        """Out of the field, else back."""
        if self.query_one("#search").has_focus:
            self.query_one("#models").focus()
        else:
            self.dismiss(False)
