"""One model and what was said to it so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.serving.answer import Stats
from tarot_tui.serving.stream import PlainStream

if TYPE_CHECKING:
    from tarot_tui.serving.chat import Chat

Messages = list[dict[str, str]]


class Dialogue:
    """A conversation with one chat, which is open already.

    options: of :data:`tarot_tui.serving.sampling.OPTIONS`; may be changed between questions. system: None for the
    trained system prompt, empty for none, else another one.
    """

    def __init__(self, chat: Chat, system: str | None = None, options: dict[str, Any] | None = None) -> None:
        self.chat = chat
        self.system = system
        self.options = dict(options or {})
        self.turns: Messages = []

    @property
    def stats(self) -> Stats:
        """What the last answer cost."""
        return self.chat.stats

    @property
    def system_in_use(self) -> str:
        """The system prompt that the model is given; may be empty."""
        return self.chat.system if self.system is None else self.system

    @property
    def messages(self) -> Messages:
        """System prompt and turns: what a training sample of this conversation would be."""
        system = [{"role": "system", "content": self.system_in_use}] if self.system_in_use else []
        return system + self.turns

    def ask(self, question: str) -> Iterator[str]:
        """The answer in harmless pieces. Question and answer are kept once it ends, also when it was cut short
        by closing the iterator or by Ctrl-C; a failure or an empty answer leaves no trace.
        """
        asked = [*self.turns, {"role": "user", "content": question}]
        said: list[str] = []
        pieces = self.chat.send(self._with_system(asked), **self.options)
        stream = PlainStream()
        ended = False
        try:
            for piece in pieces:
                if text := stream.feed(piece):
                    said.append(text)
                    yield text
            if rest := stream.finish():
                said.append(rest)
                yield rest
            ended = True
        except (GeneratorExit, KeyboardInterrupt):
            ended = True
            raise
        finally:
            pieces.close()
            if ended and said:
                self.turns = [*asked, {"role": "assistant", "content": "".join(said)}]

    def again(self) -> Iterator[str]:
        """Another answer to the last question, in place of the one before. Raises BadInput before the first."""
        if not self.turns:
            raise BadInput(_("Nothing was asked yet."))
        before = self.turns
        question = self.turns[-2]["content"]
        self.turns = self.turns[:-2]
        try:
            yield from self.ask(question)
        finally:
            if len(self.turns) < len(before):
                # It failed: the answer that there was is better than none.
                self.turns = before

    def reset(self) -> None:
        """Forget what was said; system prompt and settings stay."""
        self.turns = []

    def _with_system(self, turns: Messages) -> Messages:
        # An empty one still says: none, and not the trained one.
        return turns if self.system is None else [{"role": "system", "content": self.system}, *turns]
