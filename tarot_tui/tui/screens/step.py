"""What the seven step screens share: the rail, the frame around the step's own body, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from tarot_tui.errors import TarotError
from tarot_tui.locale import N_, _, language
from tarot_tui.project import Project
from tarot_tui.text import plain
from tarot_tui.tui import keys, steps
from tarot_tui.tui.keys import Key
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.rail import Rail
from tarot_tui.tui.widgets.shell_line import ShellLine

_STYLES = {"error": "$text-error", "warning": "$text-warning", "ok": "$text-success", "info": ""}

#: Fields of widgets that several steps have.
_SHARED_FIELDS = {
    "plan-findings": N_(
        "What the plan has to say, the worst first. Enter unfolds a finding: evidence and fix."
    ),
}


class StepScreen(Screen[None]):
    """One step: what it is for, what was found (the body), what will happen, the main button, the shell line.

    A step fills in :meth:`body`, :meth:`look_again` and says with :meth:`offer` what its main button does.
    """

    STEP: ClassVar[str]
    KEYS: ClassVar[tuple[Key, ...]] = ()
    #: By the id of a field: one or two sentences of help.
    FIELDS: ClassVar[dict[str, str]] = {}
    AUTO_FOCUS = "#primary"

    BINDINGS = keys.bindings(keys.WIZARD)

    def __init__(self, project: Project) -> None:
        super().__init__(id=self.STEP)
        self.project = project
        self._primary: Callable[[], None] | None = None
        self._language = language()
        #: What :meth:`keepsake` of the screen was whose place this one takes.
        self.inherited: Any = None

    @property
    def key_table(self) -> tuple[Key, ...]:
        """Every key of this screen, in the order of the key line."""
        main, *others = keys.WIZARD
        return (main, *self.KEYS, *others)

    # ---- what a step fills in

    def body(self) -> Iterable[Widget]:
        """The widgets of the step itself."""
        return ()

    def buttons(self) -> Iterable[Button]:
        """Buttons beside the main one."""
        return ()

    def look(self) -> None:
        """Read the folder and show what it says; called whenever the screen comes up."""

    def help_for(self, widget: Widget | None) -> str:
        """What the field is for; empty for what needs no words."""
        return _((_SHARED_FIELDS | self.FIELDS).get(widget.id or "", "")) if widget else ""

    @property
    def busy(self) -> bool:
        """Whether it holds what would be lost if it were made anew."""
        return False

    def keepsake(self) -> Any:
        """What was typed and chosen, for :meth:`inherit` of the screen that takes this one's place."""

    def inherit(self, keepsake: Any) -> None:
        """Show what was typed and chosen in the screen whose place this one takes."""

    def is_possible(self, verb: str) -> bool:
        """Whether the key for ``verb`` is worth showing now: one that has a button, while that can be pressed."""
        if verb in ("previous", "next"):
            return steps.IDS[0 if verb == "previous" else -1] != self.STEP
        if verb == "copy":
            return bool(self.query_one(ShellLine).argv)
        return all(
            button.display and not button.disabled for button in self.query(Button) if button.id == verb
        )

    # ---- the frame

    def compose(self) -> ComposeResult:
        """Rail and pane side by side, the key line below."""
        step = steps.STEPS[steps.IDS.index(self.STEP)]
        with Horizontal(id="columns"):
            yield Rail(self.project, self.STEP)
            with Vertical(id="pane"):
                yield Static(
                    Content.styled(_(step.title), "bold $primary")
                    + Content.styled("  " + steps.position(self.STEP), "$text-muted"),
                    id="title",
                )
                yield Static(_(step.purpose), id="purpose", markup=False)
                with Vertical(id="body"):
                    yield from self.body()
                yield Static(id="notice", markup=False)
                with Horizontal(id="actions"):
                    yield Button("", id="primary", compact=True, disabled=True)
                    yield from self.buttons()
                yield ShellLine(self.project.root)
        yield KeyLine(self.key_table)

    def on_screen_resume(self) -> None:
        """The step comes up: what the folder says now is what it shows, in the language in use now."""
        if self._language != language() and not self.busy:
            self.app.call_later(self.app.language_changed)
        self.action_look_again()
        kept, self.inherited = self.inherited, None
        if kept is not None:
            self.inherit(kept)

    def refresh_rail(self) -> None:
        """Read the marks from the folder again."""
        self.query_one(Rail).show(steps.marks(self.project))

    def offer(self, label: str, act: Callable[[], None] | None) -> None:
        """Let the main button say ``label`` and do ``act``; None greys it out."""
        button = self.query_one("#primary", Button)
        button.label = Content(label)
        button.refresh(layout=True)  # Textual keeps the width of the label before
        self._primary = act
        button.disabled = act is None
        self.refresh_bindings()
        if act and self.focused is None and self.is_current:
            button.focus(scroll_visible=False)

    def offer_next(self) -> None:
        """Let the main button lead to the next step."""
        after = steps.STEPS[steps.IDS.index(self.STEP) + 1]
        self.offer(_("Go on to {step}").format(step=_(after.title)), self.action_next)

    def say(self, sentence: str, severity: str = "info") -> None:
        """One sentence above the buttons: what will happen, what happened, or what is wrong."""
        self.query_one("#notice", Static).update(
            Content.styled(plain(sentence), _STYLES.get(severity, "")) if sentence else ""
        )

    def show_command(self, argv: Sequence[str]) -> None:
        """Say how to do the same from the shell."""
        self.query_one(ShellLine).show(argv)

    def in_background(self, work: Coroutine[Any, Any, None], group: str) -> None:
        """Let ``work`` run beside the screen, in place of what ran in ``group``; a TarotError of it is shown."""

        async def told() -> None:
            try:
                try:
                    await work
                except TarotError as error:
                    self.failed(str(error))
            except NoMatches:
                # A step that is being left loses its parts before its work is ended.
                if self in self.app.screen_stack:
                    raise

        self.run_worker(told(), group=group, exclusive=True)

    def failed(self, sentence: str) -> None:
        """Show why something did not work."""
        self.say(sentence, "error")

    # ---- the keys

    def action_primary(self) -> None:
        """Do what the main button says."""
        if self._primary and not self.query_one("#primary", Button).disabled:
            self._primary()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The main button was pressed."""
        if event.button.id == "primary":
            event.stop()
            event.prevent_default()  # a step that hands it on to here has been asked first
            self.action_primary()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field does what the main button says."""
        event.stop()
        event.prevent_default()
        self.action_primary()

    def action_next(self) -> None:
        """Go to the next step."""
        self._go(steps.IDS.index(self.STEP) + 1)

    def action_previous(self) -> None:
        """Go to the step before."""
        self._go(steps.IDS.index(self.STEP) - 1)

    def action_jump(self, number: str) -> None:
        """Go to step ``number``, counted from 1."""
        self._go(int(number) - 1)

    def _go(self, index: int) -> None:
        if 0 <= index < len(steps.IDS):
            self.app.go(steps.IDS[index])

    def action_look_again(self) -> None:
        """Read the folder again."""
        self.refresh_rail()
        self.look()

    def action_step_out(self) -> None:
        """Leave a field."""
        button = self.query_one("#primary", Button)
        self.set_focus(None if button.disabled else button)

    def action_copy(self) -> None:
        """Copy the shell line to the clipboard, through the terminal (OSC 52)."""
        if command := self.query_one(ShellLine).command:
            self.app.copy_to_clipboard(command)
            self.notify(_("Copied: {command}").format(command=command), timeout=3, markup=False)

    def action_page(self, direction: int) -> None:
        """Scroll the body by a page."""
        body = self.query_one("#body")
        body.scroll_relative(y=direction * max(1, body.size.height - 1), animate=False)

    def action_help(self) -> None:
        """Say what the field in focus is for, and show the keys."""
        from tarot_tui import glossary
        from tarot_tui.tui.screens.help import show_help

        about = self.help_for(self.focused)
        word = glossary.about(about.partition(":")[0])
        show_help(self, "\n".join(filter(None, (about, word))))
