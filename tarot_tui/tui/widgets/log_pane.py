"""The log of a run with all that belongs to it: what is shown of it, the field for words to look for, saving."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from tarot_tui.jobs.log_file import LogFile, write_plain
from tarot_tui.jobs.log_filter import Wanted
from tarot_tui.jobs.look import log_of, logs_of
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import bindings
from tarot_tui.tui.log_keys import WORDS
from tarot_tui.tui.spans import Runs
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.log import LogView

#: The processes of a run by name: whose log, and of which rank only where several share it.
Processes = dict[str, tuple[Path, int | None]]
#: So many are shown one after the other; of more, one is picked.
_FEW = 5
_LEVELS = {"warning": N_("warnings and errors only"), "error": N_("errors only")}


class Words(Input):
    """The field for the words to look for; escape leaves it."""

    BINDINGS = bindings(WORDS)
    cursor_blink = False

    def action_leave(self) -> None:
        """Look for nothing."""
        self.post_message(self.Submitted(self, ""))


class LogPane(Vertical):
    """The logs of one run. The keys are those of :class:`LogView`."""

    DEFAULT_CSS = """
    LogPane Words { display: none; }
    LogPane.-asking Words { display: block; }
    """

    def __init__(self, folder: Path | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._folder = folder
        self._process = ""

    def compose(self) -> ComposeResult:
        """A line about it, the log, and the hidden field."""
        yield Caption(_("Log"))
        yield LogView()
        yield Words(placeholder=_("words to look for, then enter"), compact=True)

    def on_mount(self) -> None:
        """Show the log of the run, if there is one yet."""
        if self._folder:
            self.show(self._folder)

    @property
    def view(self) -> LogView:
        """The rows."""
        return self.query_one(LogView)

    def show(self, folder: Path) -> None:
        """Show the log of the run in ``folder`` from now on."""
        self._folder, self._process = folder, ""
        self.view.show(log_of(folder))

    # ---- what is shown of it

    def on_log_view_moved(self, event: LogView.Moved) -> None:
        """Say what is shown."""
        event.stop()
        self.query_one(Caption).show(self._words())

    def _words(self) -> Runs:
        view = self.view
        said = [one_line(self._process, 20)] if self._process else []
        if view.level:
            said.append(_(_LEVELS[view.level]))
        if view.looking is not None:
            said.append(_("looking, {share} % to go").format(share=round(100 * view.looking)))
        if view.needle:
            said.append(_("n N: “{words}” again").format(words=one_line(view.needle, 20)))
        if view.following:
            said.append(_("following"))
        else:
            said.append(_("at {share} %; End follows").format(share=round(100 * view.share)))
        return [("note", " · ".join(said))]

    # ---- what has to be asked

    async def on_log_view_wish(self, event: LogView.Wish) -> None:
        """Ask for words, go to the next log, or save."""
        event.stop()
        if event.action == "look_for":
            self.add_class("-asking")
            self.query_one(Words).focus()
        else:
            self.run_worker(getattr(self, f"_{event.action}")(), exclusive=True, group=event.action)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for the words."""
        event.stop()
        self.remove_class("-asking")
        self.view.focus()
        if event.value:
            self.view.find(event.value)

    async def _next_log(self) -> None:
        choices = await in_daemon(_processes, self._folder, self.view.path)
        if len(choices) < 2:
            self.notify(_("This run has one process and one log."))
            return
        here = (self.view.path, self.view.rank)
        if len(choices) > _FEW:
            self._pick_process(choices, here)
            return
        after = list(choices.values()).index(here) + 1 if here in choices.values() else 0
        self._show_process(*list(choices.items())[after % len(choices)])

    def _pick_process(self, choices: Processes, here: tuple[Path, int | None]) -> None:
        from tarot_tui.tui.screens.pick import Entry

        entries = [
            Entry(
                name or _("all"), partial(self._show_process, name, place), right="•" if place == here else ""
            )
            for name, place in choices.items()
        ]
        self.app.pick(_("Process"), entries)

    def _show_process(self, name: str, place: tuple[Path, int | None]) -> None:
        path, rank = place
        self._process = name
        if path != self.view.path:
            self.view.show(path)
        if rank != self.view.rank:
            self.view.show_rank(rank)

    async def _save(self) -> None:
        view = self.view
        stem = "-".join(filter(None, [self._folder.name, self._process.replace(" ", ""), view.level, "log"]))
        try:
            target, count = await in_daemon(_save, view.path, Path.cwd(), stem, view.wanted)
        except OSError as error:
            self.notify(
                _("Cannot save the log: {reason}").format(reason=error), severity="error", markup=False
            )
            return
        words = _("{count} lines are in {file}.").format(count=count, file=target)
        self.notify(words, timeout=10, markup=False)


def _processes(folder: Path, shown: Path) -> Processes:
    """The log of each process; where there is one log only, the processes whose lines it has."""
    logs = logs_of(folder)
    if len(logs) > 1:
        return {name: (path, None) for name, path in logs.items()}
    ranks = LogFile(shown).ranks()
    return {"": (shown, None)} | {_("rank {number}").format(number=rank): (shown, rank) for rank in ranks}


def _save(source: Path, folder: Path, stem: str, wanted: Wanted | None) -> tuple[Path, int]:
    """Save what is wanted of a log in ``folder``, over nothing; returns the new file and its number of lines."""
    taken = {path.name for path in folder.iterdir()}
    names = (f"{stem}.txt", *(f"{stem}-{number}.txt" for number in range(2, len(taken) + 3)))
    target = folder / next(name for name in names if name not in taken)
    return target, write_plain(source, target, wanted)
