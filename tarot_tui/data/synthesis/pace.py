"""When the next request may go: requests per minute, and the waits that a server asks for or that failures teach."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

_LONGEST_BACKOFF = 60.0


class Pace:
    """Shared by all threads that ask. Times in seconds."""

    def __init__(
        self,
        per_minute: float | None = None,
        backoff: float = 1.0,
        *,
        stopped: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """per_minute: None for as many as there are threads. backoff: the wait after a first failure. stopped: ends waits."""
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._backoff = backoff
        self._stopped = stopped or threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._next = float("-inf")

    def turn(self) -> bool:
        """Wait for a turn; false when the work was stopped meanwhile."""
        while not self._stopped.is_set():
            with self._lock:
                now = self._clock()
                if now >= self._next:
                    self._next = now + self._gap
                    return True
                wait = self._next - now
            self._stopped.wait(wait)
        return False

    def hold(self, seconds: float) -> None:
        """Let nobody have a turn for so long."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait, unless the work is stopped."""
        self._stopped.wait(seconds)

    def after_failure(self, attempt: int, asked: float | None) -> float:
        """How long to wait after failure number ``attempt`` (from 1): "full jitter" over a doubling time.

        asked: what the server asks for, which is honoured in full; a little is added, so that not all who were sent
        away come back at once. (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.)
        """
        limit = min(_LONGEST_BACKOFF, self._backoff * 2 ** min(attempt - 1, 16))
        return random.uniform(0, limit) if asked is None else asked + random.uniform(0, min(1.0, limit))
