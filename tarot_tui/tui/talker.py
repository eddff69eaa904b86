"""A conversation with a model in a daemon thread: loading and answering never hold up the screen, or quitting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.serving.dialogue import Dialogue


@dataclass(frozen=True)
class Ready:
    """The model is loaded: where it answers from, and the system prompt it was trained with (may be empty)."""

    label: str
    system: str


@dataclass(frozen=True)
class Piece:
    """Some more of the answer; plain text."""

    text: str


@dataclass(frozen=True)
class Done:
    """The answer is complete, or was cancelled. tokens, per_second: what it cost, 0 where that is not known."""

    tokens: int = 0
    per_second: float = 0.0


@dataclass(frozen=True)
class Failed:
    """It did not work, in one sentence. ``over``: nothing can be asked any more."""

    sentence: str
    over: bool


Event = Ready | Piece | Done | Failed
Question = Callable[["Dialogue"], Iterator[str]]


class Talker:
    """Opens one chat and answers one question after the other.

    ``tell`` is called from the thread with itself and every event, so it must be safe there (Textual's
    ``post_message`` is). ``dialogue`` is there once it is ready; between two answers the screen may change its settings.
    """

    def __init__(
        self, open_chat: Callable[[], AbstractContextManager[Any]], tell: Callable[[Talker, Event], None]
    ) -> None:
        self.dialogue: Dialogue | None = None
        self._open = open_chat
        self._told = tell
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="talker").start()

    def ask(self, question: str) -> None:
        """Answer ``question``."""
        self._put(lambda dialogue: dialogue.ask(question))

    def again(self) -> None:
        """Answer the last question once more."""
        self._put(lambda dialogue: dialogue.again())

    def cancel(self) -> None:
        """End the running answer."""
        self._cancelled.set()
        if self.dialogue:
            self.dialogue.chat.cancel()

    def close(self) -> None:
        """Let the model go."""
        self.cancel()
        self._questions.put(None)

    def _tell(self, event: Event) -> None:
        self._told(self, event)

    def _put(self, question: Question) -> None:
        self._cancelled.clear()
        self._questions.put(question)

    def _run(self) -> None:
        from tarot_tui.serving.dialogue import Dialogue

        try:
            with self._open() as chat:
                self.dialogue = Dialogue(chat)
                self._tell(Ready(chat.label, chat.system))
                while (question := self._questions.get()) is not None:
                    self._answer(question, self.dialogue)
        except TarotError as error:
            self._tell(Failed(str(error), over=True))
        except Exception as error:
            # Whatever a library throws in this thread would otherwise be lost, and the screen would wait for ever.
            self._tell(
                Failed(_("{kind}: {reason}").format(kind=type(error).__name__, reason=error), over=True)
            )

    def _answer(self, question: Question, dialogue: Dialogue) -> None:
        pieces = question(dialogue)
        try:
            for piece in pieces:
                if self._cancelled.is_set():
                    break
                self._tell(Piece(piece))
        except TarotError as error:
            self._tell(Failed(str(error), over=False))
            return
        finally:
            pieces.close()
        self._tell(Done(dialogue.stats.tokens, dialogue.stats.per_second))
