"""The samples of a dataset, one at a time: is this what the model should learn?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from tarot_tui.data import overlay
from tarot_tui.data.preview import Preview, Shown
from tarot_tui.errors import TarotError
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line, plain
from tarot_tui.training import as_trained, child
from tarot_tui.tui import commands
from tarot_tui.tui.asked import Asked
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.likely_model import Likely, likely_model
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.sample_view import SampleView
from tarot_tui.tui.widgets.shell_line import ShellLine

_STATES = {"edited": N_("edited"), "dropped": N_("left out")}

_KEYS: tuple[Key, ...] = table(
    "samples",
    Key("right,n,space", "← →", "step(1)", N_("page"), N_("Show the next sample, or the one before."), name="next_sample"),
    Key("left,p", "←", "step(-1)", N_("before"), N_("Show the sample before."), quiet=True, name="sample_before"),
    Key("g", "g", "ask('go')", N_("go to"), N_("Go to the sample of a number."), name="go_to"),
    Key("slash", "/", "ask('find')", N_("search"), N_("Go to the next sample that holds the words you type."), name="find"),
    Key("d", "d", "drop", N_("drop"), N_("Leave the sample out of training, or take it in again.")),
    Key("e", "e", "edit", N_("edit"), N_("Edit the sample in your editor; the file itself stays as it is.")),
    Key("u", "u", "undo", N_("undo"), N_("Take the latest change back.")),
    Key("m", "m", "model", N_("model"), N_("Show the sample as the model will see it, or as it is.")),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("escape,q", "esc", "leave", N_("back"), N_("Go back to where you came from.")),
    Key("home", "Home", "first", N_("first"), N_("Show the first sample."), quiet=True),
    Key("end", "End", "last", N_("last"), N_("Show the last sample."), quiet=True),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell."), quiet=True),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
)  # fmt: skip


class SamplesScreen(LookScreen):
    """Pages through a dataset of any size. Dismissed with whether anything was changed."""

    AUTO_FOCUS = "SampleView"
    KEYS = _KEYS
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    SamplesScreen SampleView, SamplesScreen #asked { padding: 0 1; }
    SamplesScreen #asked { height: 1; display: none; }
    SamplesScreen #asked Label { width: auto; margin-right: 1; color: $text-primary; }
    SamplesScreen #asked Input { width: 1fr; }
    """

    def __init__(self, project: Project, name: str, numbers: Sequence[int] = (), about: str = "") -> None:
        """``numbers``: page through these only; ``about`` says what they are."""
        super().__init__()
        self.project, self.dataset = project, name
        self.number = 1
        self.shown: Shown | None = None
        self._numbers = list(numbers)
        self._about = about
        self._preview: Preview | None = None
        self._tokenizer = Asked(child.command(as_trained.MODULE))
        self._likely: Likely | None = None
        self._as_trained = False
        self._asks = ""
        self._words = ""
        self._changed = self._left = False

    def compose(self) -> ComposeResult:
        """Where one is, the sample, what is asked or to be said, the same from the shell, the keys."""
        yield Caption(_("Samples of {name}").format(name=one_line(self.dataset, 40)))
        yield SampleView()
        yield Static(plain(self._about), id="notice", markup=False)
        field = Input(id="field", compact=True)
        field.cursor_blink = False
        yield Horizontal(Label(id="label"), field, id="asked")
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    # ---- reading

    def on_mount(self) -> None:
        """Show the first sample at once; count and find the changed ones meanwhile."""
        self.number = self._numbers[0] if self._numbers else 1
        self._counting = self.set_interval(0.3, self._tell_place, pause=True)
        self.in_background(self._open, "sample")

    async def on_unmount(self) -> None:
        """Let go of what was read from."""
        self._left = True
        await self._tokenizer.close()

    def show_again(self) -> None:
        """The same sample."""
        self.query_one("#notice", Static).update(plain(self._about))
        self.in_background(partial(self._show, self.number), "sample")

    async def _open(self) -> None:
        self._preview = await in_daemon(Preview, self.project, self.dataset)
        await self._show(self.number)
        self._counting.resume()
        self.in_background(partial(self._count, self._preview), "count")
        await in_daemon(self._preview.settle)
        if self._preview.changes:
            await self._show(self.number)

    async def _count(self, preview: Preview) -> None:
        await in_daemon(preview.index.scan, None, lambda: self._left)
        self._tell_place()

    async def _show(self, number: int) -> None:
        self.shown = await in_daemon(self._read, number)
        self.number = number
        self.query_one(ShellLine).show(self._argv())
        self._tell_place()
        view = self.query_one(SampleView)
        if self._as_trained and not self.shown.problem:
            await self._show_as_trained(view, self.shown)
        else:
            view.show(self.shown)

    def _read(self, number: int) -> Shown:
        if not self._preview.index.is_current():
            # Built again meanwhile. The old one is closed by whoever still counts in it.
            self._preview = Preview(self.project, self.dataset).settle()
        return self._preview.sample(number)

    async def _show_as_trained(self, view: SampleView, shown: Shown) -> None:
        self._likely = likely = await in_daemon(likely_model, self.project)
        if likely is None:
            self._as_trained = False
            view.show(shown)
            self.say(_("Choose a recipe in the Parameters step first: each model sees a sample its own way."))
            return
        view.wait(_("Asking the tokenizer of {model}…").format(model=one_line(likely.model, 60)))
        request = as_trained.request_of(self.project, likely.model, shown.messages, likely.cutoff_len)
        try:
            found = await self._tokenizer.ask(request)
        except TarotError:
            self._as_trained = False
            view.show(shown)
            raise
        view.show_view(as_trained.View(**found))
        self.query_one(ShellLine).show(self._argv())

    def _tell_place(self) -> None:
        if self._preview is None:
            return
        index = self._preview.index
        if index.complete:
            self._counting.pause()
        count = f"{len(index):,}" if index.complete else f"{len(index):,}…"
        place = _("{number} of {count}").format(number=f"{self.number:,}", count=count)
        if self._numbers and self.number in self._numbers:
            among = self._numbers.index(self.number) + 1
            place = _("{number} ({place} of {count})").format(
                number=f"{self.number:,}", place=among, count=len(self._numbers)
            )
        state = self.shown.state if self.shown else ""
        self.query_one(Caption).show([*([("bad", f"{_(_STATES[state])}  ")] if state else []), ("", place)])

    def _argv(self) -> list[str]:
        return commands.data_show(self.dataset, self.number, self._likely if self._as_trained else None)

    # ---- going about

    def action_step(self, by: int) -> None:
        """The next sample, or the one before; among the chosen ones when there are any."""
        if not self._numbers:
            self._go(self.number + by)
            return
        after = [n for n in self._numbers if (n > self.number if by > 0 else n < self.number)]
        if after:
            self._go(min(after) if by > 0 else max(after))

    def action_first(self) -> None:
        """The first sample."""
        self._go(self._numbers[0] if self._numbers else 1)

    def action_last(self) -> None:
        """The last sample, once all are counted."""
        if self._numbers:
            self._go(self._numbers[-1])
        elif self._preview:
            self.in_background(partial(self._to_the_end, self._preview), "sample")

    async def _to_the_end(self, preview: Preview) -> None:
        await in_daemon(preview.index.scan, None, lambda: self._left)
        await self._show(max(len(preview.index), 1))

    def _go(self, number: int) -> None:
        index = self._preview.index if self._preview else None
        if index is None or number < 1 or (index.complete and number > len(index)):
            return
        self.say(self._about if self._numbers else "")
        self.in_background(partial(self._show, number), "sample")

    def action_ask(self, what: str) -> None:
        """Ask for a number, or for words."""
        self._asks = what
        field = self.query_one("#field", Input)
        self.query_one("#label", Label).update(_("Number:") if what == "go" else _("Search:"))
        field.value = "" if what == "go" else self._words
        self.query_one("#asked").display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go there."""
        event.stop()
        self._close_field()
        asked = event.value.strip()
        if not asked:
            return
        if self._asks == "find":
            self._words = asked
            self.say(_("Searching…"))
            self.in_background(partial(self._find, asked), "sample")
        elif asked.isdecimal():
            self._numbers = []
            self.in_background(partial(self._show, int(asked)), "sample")
        else:
            self.fail(_("'{asked}' is no number.").format(asked=one_line(asked, 40)))

    async def _find(self, words: str) -> None:
        searching = True

        def stop() -> bool:
            return self._left or not searching

        try:
            found = await in_daemon(self._preview.find, words, self.number + 1, stop)
            again = found is None and self.number > 1
            found = await in_daemon(self._preview.find, words, 1, stop) if again else found
        finally:
            searching = False
        if found is None:
            self.say(_("No sample says '{words}'.").format(words=one_line(words, 60)))
            return
        self.say(_("Searched on from the first sample.") if again else "")
        self._numbers = []
        await self._show(found)

    def _close_field(self) -> None:
        self.query_one("#asked").display = False
        self.query_one(SampleView).focus()

    # ---- changing

    def action_drop(self) -> None:
        """Leave the sample out, or take it in again."""
        if self.shown:
            self.in_background(partial(self._drop, self.shown), "change")

    async def _drop(self, shown: Shown) -> None:
        do = "keep" if shown.state == "dropped" else "drop"
        await in_daemon(self._preview.change, [shown.number], do)
        words = (
            _("Sample {number} is taken in again.")
            if do == "keep"
            else _("Sample {number} is left out; the file stays as it is.")
        )
        await self._renew(shown.number, words.format(number=shown.number))

    def action_edit(self) -> None:
        """Edit the sample in the user's editor, which gets the terminal meanwhile."""
        if self.shown is None:
            return
        argv = ["data", "edit", self.dataset, str(self.number)]
        try:
            with self.app.suspend():
                # The editor needs the terminal for its output; only a complaint is kept, for the screen to show.
                done = subprocess.run(
                    [sys.executable, "-m", "tarot_tui", *argv], cwd=self.project.root, stderr=subprocess.PIPE, check=False
                )  # fmt: skip
        except SuspendNotSupported:
            self.fail(_("This terminal cannot be lent to an editor."))
            self.query_one(ShellLine).show(argv)
            return
        said = plain(done.stderr.decode("utf-8", "replace")).strip().splitlines()
        if done.returncode:
            self.fail((said or ["?"])[-1].removeprefix("tarot-tui: "))
        else:
            self.in_background(partial(self._renew, self.number, ""), "change")

    def action_undo(self) -> None:
        """Take the latest change back."""
        self.in_background(self._undo, "change")

    async def _undo(self) -> None:
        undone = await in_daemon(overlay.undo, self.project, self.dataset)
        if not undone:
            self.say(_("There is nothing to take back."))
            return
        count, number = len(undone), abs(undone[0].number)
        await self._renew(number, _("Took back the change of {count} samples.").format(count=count))

    async def _renew(self, number: int, words: str) -> None:
        self._changed = True
        await in_daemon(self._preview.settle)
        await self._show(number)
        self.say(words)

    # ---- the rest

    def action_model(self) -> None:
        """Show the sample as the model will see it, or as it is."""
        if self.shown:
            self._as_trained = not self._as_trained
            self._go(self.number)

    def action_leave(self) -> None:
        """Out of the field, else back."""
        if self.query_one("#asked").display:
            self._close_field()
        else:
            self.dismiss(self._changed)
