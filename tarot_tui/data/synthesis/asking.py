"""Ask for rows, several at a time, until every one is answered or given up; what comes is kept at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tarot_tui.data.synthesis import judge, reply
from tarot_tui.data.synthesis.endpoint import Answer, Dead, Declined, Passing, Usage
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.pace import Pace
from tarot_tui.data.synthesis.prompt import Message, Prompt
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.data.synthesis.spending import Spending
from tarot_tui.data.synthesis.store import By, Store
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line

#: So many rows that fail, or are declined, without any success: the server itself is at fault.
_FAILURES = 2
_DECLINED_AT_ONCE = 3
#: How often it is tried again while nobody has ever answered.
_FIRST_RETRIES = 2
_SECONDS_BETWEEN_LOOKS = 0.1
_KEPT_OF_A_REPLY = 2000


class Server(Protocol):
    """What is asked: :class:`endpoint.Endpoint`."""

    def ask(self, messages: list[Message], prompt: Prompt) -> Answer:
        """One answer, or Passing, Declined, Dead."""


@dataclass
class Tally:
    """What came of the rows. rows: answered now; set_aside: pairs and replies rejected; given_up: rows."""

    rows: int = 0
    pairs: int = 0
    set_aside: dict[str, int] = field(default_factory=dict)
    given_up: int = 0


class Asking:
    """One round of asking. After :meth:`run`, ``tally`` says what came of it."""

    def __init__(
        self,
        store: Store,
        prompt: Prompt,
        by: By,
        server: Server,
        limits: Limits,
        spending: Spending,
        say: Callable[[str], None] = print,
    ) -> None:
        self.tally = Tally()
        self._store, self._prompt, self._by, self._server = store, prompt, by, server
        self._limits, self._spending, self._say = limits, spending, say
        self._stopped = threading.Event()
        self._pace = Pace(limits.per_minute, limits.backoff, stopped=self._stopped)
        self._lock = threading.Lock()
        self._said = judge.Said(questions=prompt.only_questions)
        self._error: BaseException | None = None
        self._failures = self._declined = 0

    def remember(self, pairs: Sequence[Pair]) -> None:
        """Pairs of earlier rows: their like is not kept again."""
        for pair in pairs:
            self._said.again(pair)

    def run(self, items: Sequence[Item], look: Callable[[], bool]) -> bool:
        """Ask for ``items``; ``look`` is called before each and a few times a second, one call at a time, and ends the
        asking by true, after the answers that are under way. Returns whether it went through all of them. Raises Dead,
        and OSError of the store.
        """
        feed = iter(items)

        def looked() -> None:
            with self._lock:
                if look():
                    self._stopped.set()

        def work() -> None:
            try:
                while True:
                    looked()
                    with self._lock:
                        item = None if self._stopped.is_set() else next(feed, None)
                    if item is None:
                        return
                    self._one(item)
            except BaseException as error:
                self._error = self._error or error
                self._stopped.set()

        threads = [threading.Thread(target=work, daemon=True) for _number in range(self._limits.concurrency)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                looked()
                thread.join(_SECONDS_BETWEEN_LOOKS)
        looked()
        if self._error:
            raise self._error
        return not self._stopped.is_set()

    def _one(self, item: Item) -> None:
        """One row to its end: kept, given up, or left because the work was stopped."""
        for attempt in range(1, self._limits.tries + 1):
            last = attempt == self._limits.tries
            try:
                answer = self._patiently(item)
            except Declined as declined:
                self._on_declined(item, str(declined))
                return
            if answer is None or self._take(item, answer, last=last):
                return
        with self._lock:
            self.tally.given_up += 1

    def _patiently(self, item: Item) -> Answer | None:
        """The server's answer, asked again while it fails in passing; None when stopped or failed for now."""
        messages = self._prompt.messages(item.shown)
        for attempt in range(1, self._limits.retries + 2):
            if not self._pace.turn() or not self._reserve(messages):
                return None
            try:
                answer = self._server.ask(messages, self._prompt)
            except Passing as passing:
                self._spending.settle(None)
                if attempt > self._retries(passing):
                    self._on_failure(item, passing)
                    return None
                self._wait(item, passing, attempt)
            except BaseException:
                self._spending.settle(None)
                raise
            else:
                self._spending.settle(answer.usage)
                self._failures = 0
                return answer
        return None

    def _retries(self, passing: Passing) -> int:
        """How often to try again: where nobody has answered yet, a wrong address is likelier than a busy server."""
        first_words = passing.nobody and not self.tally.rows
        return min(_FIRST_RETRIES, self._limits.retries) if first_words else self._limits.retries

    def _reserve(self, messages: list[Message]) -> bool:
        if self._spending.reserve(messages, self._prompt.max_tokens):
            return True
        self._stopped.set()
        return False

    def _wait(self, item: Item, passing: Passing, attempt: int) -> None:
        if passing.wait is not None and passing.wait > self._limits.longest_wait:
            raise Dead(
                _("The server asks to wait {time}: resume then. ({reason})").format(
                    time=duration(passing.wait), reason=passing
                )
            )
        seconds = self._pace.after_failure(attempt, passing.wait)
        self._say(
            _("{row}: {reason}; asked again in {seconds:.1f} s ({attempt} of {most})").format(
                row=one_line(item.place),
                reason=passing,
                seconds=seconds,
                attempt=attempt,
                most=self._limits.retries,
            )
        )
        if passing.slow_down:
            self._pace.hold(seconds)
        else:
            self._pace.rest(seconds)

    def _on_failure(self, item: Item, passing: Passing) -> None:
        """Leave a row for the next attempt; it may be the row's fault, so the next attempt asks for it last."""
        self._set_aside(item, "declined", detail=str(passing))
        with self._lock:
            self.tally.given_up += 1
            self._failures += 1
            dead = passing.nobody or self._failures >= _FAILURES
        if dead:
            raise Dead(
                _(
                    "The server does not answer ({reason}): resume when it does; what is answered is kept."
                ).format(reason=passing)
            )
        self._say(
            _("{row}: left for the next attempt: {reason}").format(row=one_line(item.place), reason=passing)
        )

    def _on_declined(self, item: Item, reason: str) -> None:
        with self._lock:
            self._declined += 1
            dead = self._declined >= _DECLINED_AT_ONCE and not self.tally.rows
            self.tally.given_up += 1
        self._set_aside(item, "declined", given_up=True, detail=reason)
        self._say(f"{one_line(item.place)}: {reason}")
        if dead:
            raise Dead(_("The server declines every row: {reason}.").format(reason=reason))

    def _take(self, item: Item, answer: Answer, *, last: bool) -> bool:
        """Keep what is good in an answer; false when nothing is."""
        try:
            pairs = self._pairs(answer)
        except reply.Fault as fault:
            self._set_aside(
                item, "invalid", given_up=last, detail=str(fault), reply=answer.text[:_KEPT_OF_A_REPLY]
            )
            self._say(f"{one_line(item.place)}: {fault}")
            return False
        if pairs is None:
            self._set_aside(item, "refusal", given_up=last, reply=answer.text[:_KEPT_OF_A_REPLY])
            return False
        kept, bad = self._judged(item, pairs)
        for position, (pair, reason) in enumerate(bad):
            gone = last and not kept and position == len(bad) - 1
            self._set_aside(item, reason, given_up=gone, question=pair.question, answer=pair.answer)
        if not kept:
            return False
        self._store.keep(item, self._by, kept, tokens=_tokens(answer.usage))
        with self._lock:
            self.tally.rows += 1
            self.tally.pairs += len(kept)
        return True

    def _pairs(self, answer: Answer) -> list[Pair] | None:
        """The pairs in an answer, no more than asked for; None for a refusal instead of them. Raises Fault."""
        if answer.refused:
            return None
        try:
            found = reply.read(answer.text, only_questions=self._prompt.only_questions)
        except reply.Fault:
            if judge.is_refusal(answer.text):
                return None
            if answer.cut:
                raise reply.Fault(
                    _("it is longer than max_tokens ({count}); raise it in the prompt file").format(
                        count=self._prompt.max_tokens
                    )
                ) from None
            raise
        return found.pairs[: self._prompt.per_row]

    def _judged(self, item: Item, pairs: list[Pair]) -> tuple[list[Pair], list[tuple[Pair, str]]]:
        kept, bad = [], []
        with self._lock:
            for pair in pairs:
                reason = judge.fault(pair, item, self._prompt)
                if not reason and self._said.again(pair):
                    reason = "repeated"
                if reason:
                    bad.append((pair, reason))
                else:
                    kept.append(pair)
        return kept, bad

    def _set_aside(self, item: Item, reason: str, *, given_up: bool = False, **facts: str) -> None:
        self._store.reject(item, self._by, reason, given_up=given_up, **facts)
        with self._lock:
            self.tally.set_aside[reason] = self.tally.set_aside.get(reason, 0) + 1


def _tokens(usage: Usage) -> dict[str, int | bool]:
    return {"prompt": usage.prompt, "completion": usage.completion, "counted": usage.counted}
