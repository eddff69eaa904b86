"""The log of a run with all that belongs to it: what is shown of it, the field for words to look for, saving."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from tarot_tui.jobs.log_file import LEVELS, write_plain
from tarot_tui.jobs.look import log_of, logs_of
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import bindings
from tarot_tui.tui.log_keys import WORDS
from tarot_tui.tui.spans import Runs
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.log import LogView

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
        logs = await in_daemon(logs_of, self._folder)
        if len(logs) < 2:
            self.notify(_("This run has one process and one log."))
            return
        names = list(logs)
        after = names.index(self._process) + 1 if self._process in logs else 0
        self._process = names[after % len(names)]
        self.view.show(logs[self._process])

    async def _save(self) -> None:
        view = self.view
        stem = "-".join(filter(None, [self._folder.name, self._process.replace(" ", ""), view.level, "log"]))
        try:
            target, count = await in_daemon(_save, view.path, Path.cwd(), stem, view.level)
        except OSError as error:
            self.notify(
                _("Cannot save the log: {reason}").format(reason=error), severity="error", markup=False
            )
            return
        words = _("{count} lines are in {file}.").format(count=count, file=target)
        self.notify(words, timeout=10, markup=False)


def _save(source: Path, folder: Path, stem: str, level: str) -> tuple[Path, int]:
    """Save what a level shows of a log in ``folder``, over nothing; returns the new file and its number of lines."""
    taken = {path.name for path in folder.iterdir()}
    names = (f"{stem}.txt", *(f"{stem}-{number}.txt" for number in range(2, len(taken) + 3)))
    target = folder / next(name for name in names if name not in taken)
    return target, write_plain(source, target, LEVELS[level])
