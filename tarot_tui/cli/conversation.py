"""A conversation at the shell: with one model, or with two that are asked the same."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress

from tarot_tui.cli.output import say
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.serving import transcript
from tarot_tui.serving.dialogue import Dialogue
from tarot_tui.serving.duel import Duel, Vote
from tarot_tui.serving.sampling import OPTIONS, option
from tarot_tui.text import one_line

_HELP = {
    "/again": N_("another answer to the last question"),
    "/system TEXT": N_("another system prompt; without TEXT: none"),
    "/set NAME VALUE": N_("a setting, such as temperature 0; without NAME: show them"),
    "/save [DATASET]": N_("keep this conversation as a training sample"),
    "/reset": N_("begin anew"),
    "/quit": N_("leave (so does Ctrl-D); Ctrl-C stops an answer"),
}


class Conversation:
    """Reads lines and prints answers until the reader leaves."""

    def __init__(self, args: Namespace, project: Project | None, dialogues: list[Dialogue]) -> None:
        self.args = args
        self.project = project
        self.dialogues = dialogues
        self.duel: Duel | None = None
        if len(dialogues) == 2:
            names = (dialogues[0].chat.name, dialogues[1].chat.name)
            self.duel = Duel(names, (dialogues[0], dialogues[1]), args.blind)
        self._commands: dict[str, Callable[[str], None]] = {
            "/again": self._again,
            "/system": self._system,
            "/set": self._set,
            "/save": self._save,
            "/reset": self._reset,
            "/help": self._help,
        }

    def run(self) -> int:
        """Talk; the exit code is 0."""
        if system := self.dialogues[0].system_in_use:
            say(self.args, _("system prompt: {system}").format(system=system))
        say(self.args, _("Ask something; /help lists what else there is, /quit leaves."))
        while (line := _read()) is not None and line not in ("/quit", "/exit"):
            self._obey(line)
        self._count_votes()
        return 0

    def _obey(self, line: str) -> None:
        word, _space, rest = line.partition(" ")
        try:
            if word in self._commands:
                self._commands[word](rest.strip())
            elif line.startswith("/"):
                raise BadInput(
                    _("There is no {command}; /help lists what there is.").format(command=one_line(word, 20))
                )
            elif line:
                self._ask(lambda dialogue: dialogue.ask(line))
        except TarotError as error:
            print(f"\ntarot-tui: {error}", file=sys.stderr)

    # ---- answers

    def _ask(self, ask: Callable[[Dialogue], Iterator[str]]) -> None:
        if self.duel is None:
            self._answer(self.dialogues[0], ask)
            return
        for label, dialogue in self.duel.draw():
            print(f"\n[{label}]")
            self._answer(dialogue, ask)
        if self.duel.blind:
            self._vote()

    def _answer(self, dialogue: Dialogue, ask: Callable[[Dialogue], Iterator[str]]) -> None:
        pieces = ask(dialogue)
        try:
            for piece in pieces:
                print(piece, end="", flush=True)
        except KeyboardInterrupt:
            dialogue.chat.cancel()
            pieces.close()
        print()
        if dialogue.stats.tokens and not (self.duel and self.duel.blind):
            say(
                self.args,
                _("({tokens} tokens, {speed:.0f} a second)").format(
                    tokens=dialogue.stats.tokens, speed=dialogue.stats.per_second
                ),
            )

    def _again(self, _rest: str) -> None:
        self._ask(lambda dialogue: dialogue.again())

    # ---- votes

    def _vote(self) -> None:
        question = _("Which is better? [a] [b] [t] neither, [enter] no vote: ")
        answer = (_read(f"\n{question}") or "").casefold()
        votes: dict[str, Vote] = {"a": "a", "b": "b", "t": "tie"}
        if self.duel and answer in votes:
            self.duel.vote(votes[answer], self.project)

    def _count_votes(self) -> None:
        if not (self.duel and self.duel.votes.total()):
            return
        say(self.args, _("Your votes:"))
        for name, count in self.duel.result():
            say(self.args, f"  {count:>3}  {name or _('neither')}")

    # ---- settings

    def _system(self, text: str) -> None:
        for dialogue in self.dialogues:
            dialogue.system = text
            dialogue.reset()
        say(self.args, _("A new conversation, with this system prompt.") if text else _("No system prompt."))

    def _set(self, rest: str) -> None:
        name, _space, value = rest.partition(" ")
        if name:
            found = option(name)
            parsed = found.parse(value)
            for dialogue in self.dialogues:
                dialogue.options[found.name] = parsed
        chosen = self.dialogues[0].options
        for known in OPTIONS.values():
            say(self.args, f"  {known.name:<15} {chosen.get(known.name, '–'):<6} {_(known.help)}")

    def _save(self, name: str) -> None:
        if self.project is None:
            raise BadInput(_("There is no project here to save it in: name one with --project."))
        name = name or transcript.DATASET
        # Of two models the first: it is the one that is being made, the other what it is compared with.
        count = transcript.save(self.project, name, self.dialogues[0].messages)
        say(
            self.args,
            _("Saved to the dataset '{name}', which now holds {count} conversations.").format(
                name=name, count=count
            ),
        )

    def _reset(self, _rest: str) -> None:
        for dialogue in self.dialogues:
            dialogue.reset()
        say(self.args, _("A new conversation."))

    def _help(self, _rest: str) -> None:
        for command, what in _HELP.items():
            say(self.args, f"  {command:<17} {_(what)}")


def _read(prompt: str = "\n> ") -> str | None:
    """The next line, or None at the end of input; Ctrl-C at the prompt drops the line."""
    with suppress(ImportError):
        import readline  # noqa: F401  arrow keys and history in input()
    while True:
        try:
            return input(prompt).strip()
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return None
