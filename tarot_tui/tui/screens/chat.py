"""Step 7: talk to the model, or to two of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Label

from tarot_tui.errors import TarotError
from tarot_tui.locale import N_, _
from tarot_tui.tui import commands, steps, talker
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.chat_settings import ChatSettings, Settings
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.speakers import Speakers
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.transcript import Transcript

_CHAT: tuple[Key, ...] = table(
    "chat",
    Key("ctrl+c", "ctrl+c", "cancel", N_("stop"), N_("Stop the answer (so does esc)."), quiet=True, priority=True),
    Key("ctrl+o", "ctrl+o", "settings", N_("settings"), N_("System prompt, sampling, a second model.")),
    Key("ctrl+g", "ctrl+g", "again", N_("again"), N_("Another answer to the last question."), quiet=True),
    Key("ctrl+t", "ctrl+t", "keep", N_("keep"), N_("Keep this as a training sample."), quiet=True),
    Key("ctrl+r", "ctrl+r", "start_over", N_("new chat"), N_("Forget this conversation and begin another.")),
)  # fmt: skip
#: Answered while a vote is asked for, and only then.
_VOTE: tuple[Key, ...] = table(
    "vote",
    Key("a", "a", "vote('a')", N_("A is better"), N_("Blind vote: the answer of A is better."), quiet=True, name="a"),
    Key("b", "b", "vote('b')", N_("B is better"), N_("Blind vote: the answer of B is better."), quiet=True, name="b"),
    Key("t", "t", "vote('tie')", N_("neither"), N_("Blind vote: neither is better."), quiet=True, name="tie"),
)  # fmt: skip


class ChatScreen(StepScreen):
    """The model, what was said, the question; beside it, if wanted, another model that is asked the same."""

    STEP = "chat"
    AUTO_FOCUS = "#question, #primary"
    KEYS = (*_CHAT, *_VOTE)
    BINDINGS = bindings(KEYS)

    FIELDS = {
        "release": N_("The model to talk to: one of those in models/."),
        "question": N_(
            "What you want to ask. Enter sends it, ctrl+c stops the answer, ctrl+o changes how it is asked."
        ),
    }

    class Said(Message):
        """A thread that talks to a model reports."""

        def __init__(self, speaker: talker.Talker, event: talker.Event) -> None:
            super().__init__()
            self.speaker = speaker
            self.event = event

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.settings = Settings()
        self.answering = False
        self._speakers: Speakers | None = None
        self._places: dict[talker.Talker, Transcript] = {}
        self._after: Callable[[], None] | None = None
        self._voting = False
        self._result = ""

    def body(self) -> Iterable[Widget]:
        """Which model, what was said, and the question."""
        # Disabled until a model listens, so that digits and letters are keys as elsewhere.
        question = Input(
            id="question", compact=True, disabled=True, placeholder=_("Ask something, then press enter")
        )
        question.cursor_blink = False
        yield Horizontal(Label(_("Model"), classes="label"), Choice(id="release"), classes="row")
        yield Horizontal(Transcript(id="left"), Transcript(id="right"), id="said")
        yield question

    def buttons(self) -> Iterable[Button]:
        """The vote, while one is asked for."""
        for key, vote in zip(_VOTE, ("a", "b", "tie"), strict=True):
            label = f"{_(key.label)} ({key.now(self.app.keymap)})"
            yield Button(label, id=f"vote-{vote}", compact=True)

    def look(self) -> None:
        """Offer the releases; open the chosen one when it is not open yet."""
        names = steps.release_names(self.project)
        choice = self.query_one("#release", Choice)
        chosen = self.project.recall("release")
        choice.set_options(
            [(name, name) for name in names], chosen if chosen in names else (names or [None])[-1]
        )
        self._show_vote(self._voting)
        if not names:
            self.say(_("There is no model yet: export a finished run first."))
            self.offer(_("Go to Export"), partial(self.app.go, "export"))
        elif choice.value != self.release:
            self._load(choice.value)
        if self.release:
            self._show_command()

    @property
    def release(self) -> str:
        """The model that is talked to; empty before there is one."""
        return self._speakers.names[0] if self._speakers else ""

    def is_possible(self, verb: str) -> bool:
        """What is done with a model, while there is one."""
        return bool(self._speakers) if verb in ("settings", "start_over") else super().is_possible(verb)

    @property
    def busy(self) -> bool:
        """While there is a conversation to lose."""
        return bool(self._speakers) and any(dialogue.turns for dialogue in self._speakers.dialogues)

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another model."""
        self._load(event.choice.value)

    def on_unmount(self) -> None:
        """The models are let go with the screen."""
        if self._speakers:
            self._speakers.close()

    # ---- the models

    def _load(self, release: str) -> None:
        if self._speakers:
            self._speakers.close()
        other = self.settings.other if self.settings.other != release else None
        names = [release, *([other] if other else [])]
        self.project.remember("release", release)
        self.query_one("#right").display = bool(other)
        self._speakers = Speakers(
            names,
            partial(_open, self.project),
            lambda speaker, event: self.post_message(self.Said(speaker, event)),
        )
        self._clear()
        self._show_command()
        self.say(_("Loading {name}…").format(name=" + ".join(names)))
        self.query_one("#question").disabled = True
        self.offer(_("Ask"), None)

    def _loaded(self, ready: talker.Ready) -> None:
        """All models listen."""
        self._speakers.apply(self.settings.system, self.settings.options)
        alone = len(self._speakers) == 1
        labels = [_("model")] if alone else ["A", "B"] if self.settings.blind else self._speakers.names
        for label, column in zip(labels, self._columns(), strict=False):
            column.label = label
        self.say(self._result or _("It answers from {where}.").format(where=ready.label))
        self._result = ""
        self._show_system()
        self.offer(_("Ask"), self._ask)
        self._listen()

    def _listen(self) -> None:
        question = self.query_one("#question")
        question.disabled = False
        question.focus()

    def _show_system(self) -> None:
        dialogues = self._speakers.dialogues if self._speakers else []
        for dialogue, column in zip(dialogues, self._columns(), strict=False):
            if system := dialogue.system_in_use:
                column.say(_("system"), system)

    def _columns(self) -> list[Transcript]:
        columns = [self.query_one("#left", Transcript), self.query_one("#right", Transcript)]
        return columns[: len(self._speakers)] if self._speakers else columns

    # ---- asking

    def _ask(self) -> None:
        box = self.query_one("#question", Input)
        question = box.value.strip()
        if not question:
            box.focus()
        elif not self.answering and not self._voting:
            box.value = ""
            for column in self._columns():
                column.say(_("you"), question)
            self._begin(lambda speaker: speaker.ask(question))

    def action_again(self) -> None:
        """Another answer to the last question."""
        if self._speakers and self._speakers.asked and not self.answering and not self._voting:
            for column in self._columns():
                column.drop_answer()
            self._begin(talker.Talker.again)

    def _begin(self, act: Callable[[talker.Talker], None]) -> None:
        self.answering = True
        # In a blind duel each answer appears under its letter, whoever it is of.
        self._places = dict(zip(self._speakers.begin(act), self._columns(), strict=True))
        self.say(_("Answering… esc stops it."))
        self._next_speaker()

    def _next_speaker(self) -> None:
        self._places[self._speakers.waiting[0]].begin()
        self._speakers.next()

    def on_chat_screen_said(self, message: Said) -> None:
        """Show what a model, or its absence, has to say."""
        speaker = message.speaker
        if self._speakers is None or speaker not in self._speakers:
            return  # of a model that was let go
        match message.event:
            case talker.Ready() as ready:
                if self._speakers.listens(speaker, ready, blind=self.settings.blind):
                    self._loaded(self._speakers.ready)
            case talker.Piece(text):
                if self.answering:
                    self._places[speaker].add(text)
            case talker.Done(tokens, speed):
                self._answered(speaker, tokens, speed)
            case talker.Failed(sentence, over):
                if self.answering:
                    self._places[speaker].end("")
                    self._finish()
                self.failed(sentence)
                if over:
                    self.offer(_("Try again"), partial(self._load, self.release))

    def _answered(self, speaker: talker.Talker, tokens: int, speed: float) -> None:
        if not self.answering:
            return
        known = tokens and not self.settings.blind
        remark = _("({tokens} tokens, {speed:.0f} a second)").format(tokens=tokens, speed=speed)
        self._places[speaker].end(remark if known else "")
        self._speakers.waiting.remove(speaker)
        if self._speakers.waiting:
            self._next_speaker()
            return
        self.say("" if self._speakers.asked else _("The model said nothing."))
        if self._speakers.asked:
            self._remember()
            if self._speakers.duel and self.settings.blind and not self._after:
                self._show_vote(True)
        self._finish()

    def _remember(self) -> None:
        talked = [name for name in self.project.recall("chat", []) if name != self.release]
        self.project.remember("chat", [*talked, self.release])
        self.refresh_rail()

    def _finish(self) -> None:
        self.answering = False
        self._speakers.waiting = []
        after, self._after = self._after, None
        if after:
            after()

    def _when_quiet(self, act: Callable[[], None]) -> None:
        """Do ``act`` now, or once the running answer has been stopped."""
        if self.answering:
            self._after = act
            self._speakers.cancel()
        else:
            act()

    # ---- voting

    def _count_votes(self) -> str:
        duel = self._speakers.duel
        if not (duel and duel.votes.total()):
            return ""
        counted = _(", ").join(
            _("{name}: {count}").format(name=name or _("neither"), count=count)
            for name, count in duel.result()
        )
        return _("Your votes: {votes}.").format(votes=counted)

    def _show_vote(self, voting: bool) -> None:
        self._voting = voting
        for button in self.query("#vote-a, #vote-b, #vote-tie"):
            button.display = voting
        self.query_one("#primary").display = not voting
        if voting:
            self.query_one("#question").disabled = True
            self.query_one("#vote-a").focus()
            self.say(_("Which answer is better?"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a vote and of an answer mean what they mean elsewhere while there is none."""
        return {"vote": self._voting, "cancel": self.answering}.get(action, True)

    def action_vote(self, vote: str) -> None:
        """Count the vote, and go on asking."""
        duel = self._speakers.duel
        duel.vote(vote, self.project)
        self._show_vote(False)
        # Not the names: whoever knows the one before would recognise its style in the next answer.
        self.say(
            _("{count} votes so far. The settings (ctrl+o) end the blind vote and show the names.").format(
                count=duel.votes.total()
            )
        )
        self._listen()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A vote, or the main button."""
        if (event.button.id or "").startswith("vote-"):
            event.stop()
            self.action_vote(event.button.id.removeprefix("vote-"))
        else:
            super().on_button_pressed(event)

    # ---- keys

    def action_settings(self) -> None:
        """System prompt, sampling, the other model."""
        if self._speakers is None or (ready := self._speakers.ready) is None:
            return
        others = [name for name in steps.release_names(self.project) if name != self.release]
        self.app.push_screen(ChatSettings(self.settings, ready.system, others), self._use)

    def _use(self, settings: Settings | None) -> None:
        if settings is not None:
            self._when_quiet(partial(self._apply, settings))

    def _apply(self, settings: Settings) -> None:
        before, self.settings = self.settings, settings
        if (before.other, before.blind) != (settings.other, settings.blind):
            self._result = self._count_votes()
            self._load(self.release)
            return
        self._speakers.apply(settings.system, settings.options)
        if before.system != settings.system:
            self._begin_anew()

    def action_keep(self) -> None:
        """Append the conversation to the dataset of conversations."""
        from tarot_tui.serving import transcript

        if self.answering or not (self._speakers and self._speakers.dialogues):
            return
        said = self._speakers.dialogues[0].messages
        try:
            count = transcript.save(self.project, transcript.DATASET, said)
        except (TarotError, OSError) as error:
            self.failed(str(error))
            return
        self.say(
            _("Saved to the dataset '{name}', which now holds {count} conversations.").format(
                name=transcript.DATASET, count=count
            ),
            "ok",
        )

    def action_cancel(self) -> None:
        """Stop the answer."""
        self._speakers.cancel()

    def action_step_out(self) -> None:
        """Stop the answer, else leave the field."""
        if self.answering:
            self.action_cancel()
        else:
            super().action_step_out()

    def action_start_over(self) -> None:
        """Begin another conversation with the same model; a running answer is stopped first."""
        if self._speakers:
            self._when_quiet(self._begin_anew)

    def _begin_anew(self) -> None:
        self._clear()
        self._show_system()

    def _clear(self) -> None:
        self.answering = False
        if self._speakers:
            self._speakers.reset()
        for column in self.query(Transcript):
            column.clear()
        if self._voting:
            self._show_vote(False)

    def _show_command(self) -> None:
        first, *others = self._speakers.names
        self.show_command(commands.chat(first, *others, blind=self.settings.blind))


def _open(project: Any, release: str) -> Any:
    from tarot_tui.serving.chat import open_chat

    return open_chat(project, release)
