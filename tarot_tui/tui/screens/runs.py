"""Every run of the project: what each came to, and what can be done with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from tarot_tui.errors import TarotError
from tarot_tui.jobs.listing import ALIVE, ORDER_NAMES, ORDERS, chosen
from tarot_tui.jobs.remove import check_removable, folder_size, remove
from tarot_tui.jobs.snapshot import Snapshot
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line, size
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.runs_reader import RunsReader
from tarot_tui.tui.translated import Translated
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.run_table import RunTable

KEYS: tuple[Key, ...] = table(
    "runs",
    Key("enter", "enter", "open", N_("watch"), N_("Watch the run under the cursor.")),
    Key("slash", "/", "look_for", N_("find"), N_("Show only runs that say these words.")),
    Key("f", "f", "filter", N_("which"), N_("Show all runs, those that run, those that finished, those that went wrong.")),
    Key("o", "o", "order", N_("order"), N_("Sort: newest, by name, state, time, loss, eval loss.")),
    Key("space", "space", "mark", N_("mark"), N_("Mark a run for what comes next.")),
    Key("d", "d", "compare", N_("compare"), N_("Lay the curves of the marked runs over one another.")),
    Key("s", "s", "stop", N_("stop"), N_("Stop after a checkpoint was saved; asks first.")),
    Key("r", "r", "resume", N_("resume"), N_("Go on with runs that were stopped, failed or got lost.")),
    Key("delete,X", "X", "remove", N_("delete"), N_("Delete runs with all that is in them; asks first."), quiet=True),
    Key("m", "m", "machine", N_("machine"), N_("See what this machine does: GPUs, and whose processes."), quiet=True),
    Key("ctrl+p", "ctrl+p", "app.command_palette", N_("commands"), N_("Find any command by its name."), quiet=True),
    Key("g", "g", "app.go_somewhere", N_("go"), N_("Go to a step or a run: g and then one more key."), quiet=True),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("q,escape", "q", "leave", N_("back"), N_("Leave. Whatever runs goes on.")),
)  # fmt: skip

#: What is shown: words, and the states that are meant.
FILTERS: tuple[tuple[str, set[str]], ...] = (
    (N_("all"), set()),
    (N_("running and waiting"), ALIVE | {"queued"}),
    (N_("finished"), {"finished"}),
    (N_("stopped, failed or lost"), {"stopped", "failed", "lost"}),
)


class RunsScreen(Translated, Screen[None]):
    """The list. Enter opens a run over it; leaving that comes back here."""

    AUTO_FOCUS = "RunTable"
    BINDINGS = bindings(KEYS)
    DEFAULT_CSS = """
    RunsScreen > Vertical { padding: 0 1; height: 1fr; }
    RunsScreen Input { display: none; }
    RunsScreen.-asking Input { display: block; }
    RunsScreen #reason { height: 1; }
    """

    class Looked(Message):
        """The runs as they are now, from the thread that reads them."""

        def __init__(self, runs: list[Snapshot]) -> None:
            super().__init__()
            self.runs = runs

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project
        self._runs: list[Snapshot] | None = None
        self._filter = 0
        self._order = "newest"
        self._words = ""
        self._reader: RunsReader | None = None

    @property
    def key_table(self) -> tuple[Key, ...]:
        """Every key of this screen."""
        return KEYS

    def compose(self) -> ComposeResult:
        """What is shown, the runs, why the one under the cursor ended, the keys."""
        with Vertical():
            yield Caption(_("Runs"))
            box = Input(placeholder=_("words to look for, then enter"), compact=True)
            box.cursor_blink = False
            yield box
            yield RunTable()
            yield Caption("", id="reason")
        yield KeyLine(KEYS)

    def on_mount(self) -> None:
        """Begin to look."""
        self._reader = RunsReader(self.project, self._hand_over)
        self._show()

    async def in_new_language(self) -> None:
        """Say it in the new language; the cursor and the marks stay."""
        marked, current = self._table.marked, self._table.current
        await super().in_new_language()
        self._table.marked = marked
        self._show()
        self._table.action_move(self._shown().index(current) if current else 0)

    def on_unmount(self) -> None:
        """Stop looking."""
        if self._reader:
            self._reader.stop()

    def on_screen_resume(self) -> None:
        """Come back to: what was done meanwhile is to be seen at once."""
        if self._reader:
            self._reader.wake()

    def _hand_over(self, runs: list[Snapshot]) -> None:
        # In the thread. The loop may be closing: then nobody is interested any more.
        with suppress(RuntimeError):
            self.post_message(self.Looked(runs))

    def on_runs_screen_looked(self, event: Looked) -> None:
        """Show how they are now; at first the cursor goes to one that runs."""
        event.stop()
        first, self._runs = self._runs is None, event.runs
        self._show()
        if first:
            alive = next((at for at, one in enumerate(event.runs) if one.status.alive), 0)
            self._table.action_move(alive)

    @property
    def _table(self) -> RunTable:
        return self.query_one(RunTable)

    def _shown(self) -> list[Snapshot]:
        return chosen(self._runs or [], FILTERS[self._filter][1], self._words, self._order)

    def _show(self) -> None:
        words, shown = FILTERS[self._filter][0], self._shown()
        self._table.show(shown)
        right = [_(words), _(ORDER_NAMES[self._order])]
        if self._words:
            right.insert(0, f"“{one_line(self._words, 24)}”")
        count = f"{len(shown)}/{len(self._runs or [])}"
        self.query_one(Caption).show([("note", " · ".join([*right, count]))])
        self.on_run_table_moved()

    def on_run_table_moved(self) -> None:
        """Say in one sentence how the run under the cursor is."""
        one = self._table.current
        if one is not None:
            said = one.status.reason or (one.title if one.title not in one.name else one.name)
        elif self._runs is None:
            said = _("Reading the runs…")
        else:
            said = (
                _("No run is like that.") if self._runs else _("No runs yet: 'tarot-tui train' starts one.")
            )
        self.query_one("#reason", Caption).say(one_line(said, 300))

    # ---- which, and in which order

    def action_filter(self) -> None:
        """Show the next kind of runs."""
        self._filter = (self._filter + 1) % len(FILTERS)
        self._show()

    def action_order(self) -> None:
        """Sort by the next thing."""
        orders = list(ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._show()

    def action_look_for(self) -> None:
        """Ask for words."""
        self.add_class("-asking")
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what says the words so far."""
        event.stop()
        self._words = event.value
        self._show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the runs that are left."""
        event.stop()
        self._end_asking()

    def _end_asking(self) -> None:
        self.remove_class("-asking")
        self._table.focus()

    # ---- what is done with them

    def action_open(self) -> None:
        """Watch the run under the cursor."""
        if self._table.current:
            self.app.watch_run(self._table.current.folder)

    def on_run_table_opened(self) -> None:
        """The mouse opens, too."""
        self.action_open()

    def action_mark(self) -> None:
        """Mark, and go on to the next."""
        self._table.toggle_mark()

    def action_compare(self) -> None:
        """Lay the curves of the marked runs over one another."""
        from tarot_tui.tui.screens.watch import WatchScreen

        runs = [one.folder for one in self._table.chosen if one.kind == "train"]
        if len(runs) < 2:
            self.notify(_("Mark two trainings or more with the space bar first."))
            return
        self.app.push_screen(WatchScreen(self.project, runs[0], runs[1:]))

    def action_machine(self) -> None:
        """See what this machine does."""
        from tarot_tui.tui.screens.machine import MachineScreen

        self.app.push_screen(MachineScreen(self.project))

    def action_stop(self) -> None:
        """Ask, then let the runs save and stop."""
        alive = [one for one in self._table.chosen if one.status.alive]
        if not alive:
            self.notify(_("Nothing runs here, so there is nothing to stop."))
            return
        question = _("Stop {names}?").format(names=_names(alive))
        effect = _("A checkpoint is saved first; r then goes on exactly where it stopped.")
        from tarot_tui.jobs.control import request

        self._ask(question, effect, _("Save and stop"), lambda one: request(one.folder, "stop"), alive)

    def action_resume(self) -> None:
        """Go on with the chosen runs."""
        from tarot_tui.tui.verbs import resume

        self.run_worker(self._do(lambda one: resume(one.folder), self._table.chosen))

    async def action_remove(self) -> None:
        """Ask, then delete the chosen runs."""
        runs = self._table.chosen
        if not runs:
            return
        bytes_ = await in_daemon(lambda: sum(folder_size(one.folder) for one in runs))
        question = _("Delete {names}?").format(names=_names(runs))
        effect = _(
            "{size} are deleted for good: log, curves, checkpoints, and what was trained. Releases in models/ stay."
        ).format(size=size(bytes_))
        self._ask(question, effect, _("Delete"), lambda one: self._remove(one.folder), runs)

    def _remove(self, folder: Path) -> None:
        from tarot_tui.export.making import forget

        check_removable(self.project, folder)
        forget(self.project, folder)
        remove(self.project, folder)

    def _ask(self, question: str, effect: str, yes: str, verb, runs: list[Snapshot]) -> None:  # type: ignore[no-untyped-def]
        def answered(sure: bool | None) -> None:
            if sure:
                self.run_worker(self._do(verb, runs))

        self.app.push_screen(Confirm(question, effect, yes), answered)

    async def _do(self, verb, runs: list[Snapshot]) -> None:  # type: ignore[no-untyped-def]
        for one in runs:
            try:
                await in_daemon(verb, one)
            except (TarotError, OSError) as error:
                self.notify(str(error), severity="warning", markup=False)
        self._table.marked.clear()
        if self._reader:
            self._reader.wake()

    # ---- out

    def action_help(self) -> None:
        """Show the keys."""
        from tarot_tui.tui.screens.help import show_help

        show_help(self)

    def action_leave(self) -> None:
        """Give the words up, go back to where one came from, or quit."""
        if self.has_class("-asking"):
            self._end_asking()
        elif len(self.app.screen_stack) > 2:
            self.dismiss()
        else:
            self.app.exit()


def _names(runs: list[Snapshot]) -> str:
    names = ", ".join(one.name for one in runs[:3])
    return names + (f" … ({len(runs)})" if len(runs) > 3 else "")
