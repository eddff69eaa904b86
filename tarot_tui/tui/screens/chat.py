"""Step 7: talk to the model."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from textual.actions import SkipAction
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from tarot_tui.locale import N_, _
from tarot_tui.text import plain
from tarot_tui.tui import commands, steps, talker
from tarot_tui.tui.keys import Key
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.choice import Choice


class ChatScreen(StepScreen):
    """The conversation, the question, and the model that answers."""

    STEP = "chat"
    AUTO_FOCUS = "#question, #primary"
    KEYS = (
        Key("ctrl+c", "ctrl+c", "cancel", N_("stop"), N_("Stop the answer (so does esc)."), quiet=True),
        Key(
            "ctrl+r",
            "ctrl+r",
            "start_over",
            N_("new chat"),
            N_("Forget this conversation and begin another."),
        ),
    )
    BINDINGS = [
        Binding("ctrl+c", "cancel", show=False, priority=True),
        *KEYS[1].bindings(),
    ]

    class Said(Message):
        """The thread that talks to the model reports."""

        def __init__(self, speaker: talker.Talker, event: talker.Event) -> None:
            super().__init__()
            self.speaker = speaker
            self.event = event

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.messages: list[dict[str, str]] = []
        self.answering = False
        self._starting_over = False
        self._talker: talker.Talker | None = None
        self._release = ""

    def body(self) -> Iterable[Widget]:
        """Which model, what was said, and the question."""
        # Disabled until a model listens, so that digits and letters are keys as elsewhere.
        question = Input(
            id="question", compact=True, disabled=True, placeholder=_("Ask something, then press enter")
        )
        question.cursor_blink = False
        yield Horizontal(Label(_("Model"), classes="label"), Choice(id="release"), classes="row")
        yield Vertical(id="said")
        yield question

    def look(self) -> None:
        """Offer the releases; open the chosen one when it is not open yet."""
        names = steps.release_names(self.project)
        choice = self.query_one("#release", Choice)
        chosen = self.project.recall("release")
        choice.set_options(
            [(name, name) for name in names], chosen if chosen in names else (names or [None])[-1]
        )
        if not names:
            self.say(_("There is no model yet: export a finished run first."))
            self.offer(_("Go to Export"), partial(self.app.go, "export"))
        elif choice.value != self._release:
            self._load(choice.value)
        if self._release:
            self.show_command(commands.chat(self._release))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another model."""
        self._load(event.choice.value)

    def on_unmount(self) -> None:
        """The model is let go with the screen."""
        if self._talker:
            self._talker.close()

    # ---- talking

    def _load(self, release: str) -> None:
        if self._talker:
            self._talker.close()
        self._release = release
        self.project.remember("release", release)
        self._clear()
        self.show_command(commands.chat(release))
        self.say(_("Loading {name}…").format(name=release))
        self.query_one("#question").disabled = True
        self.offer(_("Ask"), None)

        def tell(event: talker.Event) -> None:
            self.post_message(self.Said(speaker, event))

        speaker = self._talker = talker.Talker(partial(_open, self.project, release), tell)

    def _ask(self) -> None:
        box = self.query_one("#question", Input)
        question = box.value.strip()
        if not question:
            box.focus()
        elif not self.answering:
            box.value = ""
            self.messages.append({"role": "user", "content": question})
            self._show(question, "user")
            self._show("", "assistant")
            self.messages.append({"role": "assistant", "content": ""})
            self.answering = True
            self.say(_("Answering… esc stops it."))
            self._talker.ask(self.messages[:-1])

    def on_chat_screen_said(self, message: Said) -> None:
        """Show what the model, or its absence, has to say."""
        if message.speaker is not self._talker:
            return  # of a model that was let go
        match message.event:
            case talker.Ready(label, system):
                self.say(_("{name} answers from {where}.").format(name=self._release, where=label))
                if system:
                    self._show(system, "system")
                self.offer(_("Ask"), self._ask)
                question = self.query_one("#question")
                question.disabled = False
                question.focus()
            case talker.Piece(text):
                self._add(text)
            case talker.Done():
                self._answered()
            case talker.Failed(sentence, over):
                self._answered()
                self.failed(sentence)
                if over:
                    self.offer(_("Try again"), partial(self._load, self._release))

    def _add(self, text: str) -> None:
        if not self.answering:
            return
        self.messages[-1]["content"] += text
        said = self.query_one("#said")
        said.children[-1].update(_bubble(self.messages[-1]["content"], "assistant"))
        said.scroll_end(animate=False)

    def _answered(self) -> None:
        if not self.answering:
            return
        self.answering = False
        self.say("")
        if self._starting_over:
            self._clear()
        elif self.messages[-1]["content"]:
            talked = [name for name in self.project.recall("chat", []) if name != self._release]
            self.project.remember("chat", [*talked, self._release])
            self.refresh_rail()
        else:
            del self.messages[-2:]
            self.say(_("The model said nothing."))

    def _show(self, text: str, role: str) -> None:
        said = self.query_one("#said")
        said.mount(Static(_bubble(text, role), classes=role))
        said.scroll_end(animate=False)

    # ---- keys

    def action_cancel(self) -> None:
        """Stop the answer; without one the key means what it means elsewhere."""
        if not self.answering:
            raise SkipAction
        self._talker.cancel()

    def action_step_out(self) -> None:
        """Stop the answer, else leave the field."""
        if self.answering:
            self._talker.cancel()
        else:
            super().action_step_out()

    def action_start_over(self) -> None:
        """Begin another conversation with the same model; a running answer is stopped first."""
        if self.answering:
            self._starting_over = True
            self._talker.cancel()
        else:
            self._clear()

    def _clear(self) -> None:
        self.answering = self._starting_over = False
        self.messages = []
        self.query_one("#said").remove_children()


def _open(project: Any, release: str) -> Any:
    from tarot_tui.serving.chat import open_chat

    return open_chat(project, release)


def _bubble(text: str, role: str) -> Content:
    who = {"user": _("you"), "assistant": _("model"), "system": _("system")}[role]
    return Content.styled(f"{who}  ", "bold $primary" if role != "system" else "$text-muted") + Content(
        plain(text)
    )
