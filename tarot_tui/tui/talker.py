"""A conversation with a model in a daemon thread: loading and answering never hold up the screen, or quitting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.locale import _


@dataclass(frozen=True)
class Ready:
    """The model is loaded: where it answers from, and the system prompt it is given (may be empty)."""

    label: str
    system: str


@dataclass(frozen=True)
class Piece:
    """Some more of the answer; plain text."""

    text: str


@dataclass(frozen=True)
class Done:
    """The answer is complete, or was cancelled."""


@dataclass(frozen=True)
class Failed:
    """It did not work, in one sentence. ``over``: nothing can be asked any more."""

    sentence: str
    over: bool


Event = Ready | Piece | Done | Failed
Messages = list[dict[str, str]]


class Talker:
    """Opens one chat and answers one question after the other.

    ``tell`` is called from the thread with every event, so it must be safe there (Textual's ``post_message`` is).
    """

    def __init__(
        self, open_chat: Callable[[], AbstractContextManager[Any]], tell: Callable[[Event], None]
    ) -> None:
        self._open = open_chat
        self._tell = tell
        self._questions: queue.SimpleQueue[Messages | None] = queue.SimpleQueue()
        self._chat: Any = None
        self._cancelled = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="talker").start()

    def ask(self, messages: Messages) -> None:
        """Answer ``messages``, whose last one is the question."""
        self._cancelled.clear()
        self._questions.put(messages)

    def cancel(self) -> None:
        """End the running answer."""
        self._cancelled.set()
        if cancel := getattr(self._chat, "cancel", None):
            cancel()

    def close(self) -> None:
        """Let the model go."""
        self.cancel()
        self._questions.put(None)

    def _run(self) -> None:
        try:
            with self._open() as self._chat:
                self._tell(Ready(self._chat.label, self._chat.system))
                while (messages := self._questions.get()) is not None:
                    self._answer(messages)
        except TarotError as error:
            self._tell(Failed(str(error), over=True))
        except Exception as error:
            # Whatever a library throws in this thread would otherwise be lost, and the screen would wait for ever.
            self._tell(
                Failed(_("{kind}: {reason}").format(kind=type(error).__name__, reason=error), over=True)
            )

    def _answer(self, messages: Messages) -> None:
        from tarot_tui.serving.stream import PlainStream

        stream = PlainStream()
        pieces = self._chat.send(messages)
        try:
            for piece in pieces:
                if self._cancelled.is_set():
                    break
                if text := stream.feed(piece):
                    self._tell(Piece(text))
            if rest := stream.finish():
                self._tell(Piece(rest))
            self._tell(Done())
        except TarotError as error:
            self._tell(Failed(str(error), over=False))
        finally:
            pieces.close()
