"""The one or two models of a chat, each in a thread of its own, and which of them answers next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from tarot_tui.tui import talker
from tarot_tui.tui.talker import Talker

if TYPE_CHECKING:
    from tarot_tui.serving.dialogue import Dialogue
    from tarot_tui.serving.duel import Duel


class Speakers:
    """``names`` of the models. ``tell`` is called from their threads with the talker and its event."""

    def __init__(
        self,
        names: list[str],
        open_chat: Callable[[str], AbstractContextManager[Any]],
        tell: Callable[[Talker, talker.Event], None],
    ) -> None:
        self.names = names
        self.duel: Duel | None = None
        self.waiting: list[Talker] = []
        self._ready: dict[Talker, talker.Ready] = {}
        self._act: Callable[[Talker], None] = Talker.again
        self.talkers = [Talker(partial(open_chat, name), tell) for name in names]

    def __len__(self) -> int:
        return len(self.talkers)

    def __contains__(self, one: Talker) -> bool:
        return one in self.talkers

    @property
    def ready(self) -> talker.Ready | None:
        """What the first of them said once all were loaded; None before."""
        return (
            self._ready[self.talkers[0]] if self.talkers and len(self._ready) == len(self.talkers) else None
        )

    @property
    def dialogues(self) -> list[Dialogue]:
        """What was said to each; empty before they are ready."""
        return [one.dialogue for one in self.talkers if one.dialogue]

    @property
    def asked(self) -> bool:
        """Whether each of them has answered something that could be answered once more."""
        return bool(self.dialogues) and all(dialogue.turns for dialogue in self.dialogues)

    def listens(self, one: Talker, event: talker.Ready, *, blind: bool) -> bool:
        """Note that ``one`` is loaded; whether all are."""
        from tarot_tui.serving.duel import Duel

        self._ready[one] = event
        if self.ready and len(self) == 2:
            left, right = self.dialogues
            self.duel = Duel((self.names[0], self.names[1]), (left, right), blind)
        return self.ready is not None

    def begin(self, act: Callable[[Talker], None]) -> list[Talker]:
        """Let each do ``act`` in its turn; the order in which they are shown (drawn anew in a blind duel)."""
        drawn = [dialogue for _label, dialogue in self.duel.draw()] if self.duel else []
        self._act = act
        self.waiting = sorted(self.talkers, key=lambda one: drawn.index(one.dialogue) if drawn else 0)
        return list(self.waiting)

    def next(self) -> Talker:
        """Set the next one to work."""
        self._act(self.waiting[0])
        return self.waiting[0]

    def cancel(self) -> None:
        """End the running answer; who would come after it is not asked any more."""
        self.waiting = self.waiting[:1]
        for one in self.waiting:
            one.cancel()

    def apply(self, system: str | None, options: dict[str, Any]) -> None:
        """Ask them in this way from now on."""
        for dialogue in self.dialogues:
            dialogue.system = system
            dialogue.options = dict(options)

    def reset(self) -> None:
        """Let them forget what was said."""
        for dialogue in self.dialogues:
            dialogue.reset()

    def close(self) -> None:
        """Let the models go."""
        for one in self.talkers:
            one.close()
