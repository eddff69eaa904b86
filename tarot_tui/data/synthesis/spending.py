"""Tokens and money, counted as they go, so that a limit holds before it is passed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.data.synthesis.tokens import Prices, of_messages
from tarot_tui.jobs import files

if TYPE_CHECKING:
    from tarot_tui.data.synthesis.endpoint import Usage

FILE = "tokens.jsonl"


class Spending:
    """What a job has spent, attempts before this one included: ``tokens.jsonl`` in its folder has a line for each reply.

    over: whether a request was refused because ``most`` (money, at ``prices``) might have been passed.
    """

    def __init__(self, folder: Path | None, prices: Prices | None = None, most: float | None = None) -> None:
        self.prompt = self.completion = self.requests = 0
        self.estimated = False
        self.over = False
        self._path = folder / FILE if folder else None
        self._prices, self._most = prices, most
        self._changed = threading.Condition()
        self._reserved: dict[int, float] = {}
        for line in _lines(self._path):
            self._add(int(line["prompt"]), int(line["completion"]), counted=bool(line["counted"]))

    @property
    def cost(self) -> float | None:
        """What it came to so far; None without prices."""
        return self._prices.cost(self.prompt, self.completion) if self._prices else None

    def reserve(self, messages: Iterable[Mapping[str, str]], max_tokens: int) -> bool:
        """Set aside what this thread's next request can cost at most; false when the limit does not allow it.

        Waits for the requests under way, which mostly cost less than was set aside for them.
        """
        if self._prices is None or self._most is None:
            return True
        can_cost = self._prices.cost(of_messages(messages), max_tokens)
        with self._changed:
            while (self.cost or 0) + sum(self._reserved.values()) + can_cost > self._most:
                if not self._reserved:
                    self.over = True
                    return False
                self._changed.wait()
            self._reserved[threading.get_ident()] = can_cost
            return True

    def settle(self, usage: Usage | None) -> None:
        """Count what this thread's request used; None for one without a reply. Raises OSError."""
        with self._changed:
            self._reserved.pop(threading.get_ident(), None)
            self._changed.notify_all()
            if usage is None:
                return
            self._add(usage.prompt, usage.completion, counted=usage.counted)
            if self._path:
                line = {"prompt": usage.prompt, "completion": usage.completion, "counted": usage.counted}
                files.append_json(self._path, line)

    def _add(self, prompt: int, completion: int, *, counted: bool) -> None:
        self.prompt += prompt
        self.completion += completion
        self.requests += 1
        self.estimated = self.estimated or not counted


def _lines(path: Path | None) -> list[dict]:
    try:
        lines = path.read_text("utf-8", "replace").splitlines() if path else []
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            one = json.loads(line)
            found.append({key: one[key] for key in ("prompt", "completion", "counted")})
        except (ValueError, KeyError, TypeError):
            continue
    return found
