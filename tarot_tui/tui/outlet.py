"""Writing to a terminal that may be slow, without ever waiting for it: a thread, and the pace it keeps."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

#: Bytes that the kernel takes from us before a write waits for the terminal to read (Linux: 8 kB for a pty, and what
#: the line discipline holds).
_BUFFER = 12_000
#: Bytes of one write; small, so that the time it takes tells the speed of the link.
_PIECE = 1024
#: Seconds after which a write has waited for the link.
_WAITED = 0.02
#: Seconds of output that may be on their way over a slow link: whatever comes next has to wait behind them.
_AHEAD = 0.15
#: A link this fast (bytes per second) needs no pace.
_FAST = 100_000
#: By how much the link is taken to be faster whenever a write did not wait.
_BOLDER = 1.005
#: By how much it is taken to be slower when one did.
_CALMER = 0.75


class Pace:
    """How much may be sent when, learned from how long writes take. A link that never made us wait has no limit.

    Bytes per second; times come from outside, in seconds.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self._waits: list[float] = []
        self._queued = 0.0  # bytes that are probably still on their way
        self._at = 0.0

    def wrote(self, count: int, began: float, ended: float) -> None:
        """``count`` bytes were taken between two times."""
        self._flow(began)
        self._queued += count
        if ended - began < _WAITED:
            self._waits.clear()
            if self.rate is not None:
                self.rate = self.rate * _BOLDER if self.rate < _FAST else None
            return
        # One wait may be the machine's and not the link's: the better of the last two counts.
        self._waits = [*self._waits[-1:], count / (ended - began)]
        if self.rate is not None:
            self.rate *= _CALMER
        elif len(self._waits) > 1 and max(self._waits) < _FAST:
            self.rate = max(self._waits)
        self._queued, self._at = float(_BUFFER), ended  # it waited, so the kernel's buffer is full

    def pause(self, now: float) -> float:
        """Seconds to wait before more is sent."""
        self._flow(now)
        return 0.0 if self.rate is None else max(0.0, self._queued / self.rate - _AHEAD)

    def limit(self) -> int | None:
        """Bytes to send at a time."""
        return None if self.rate is None else max(256, int(self.rate * _AHEAD))

    def _flow(self, now: float) -> None:
        rate = _FAST if self.rate is None else self.rate
        self._queued = max(0.0, self._queued - rate * (now - self._at))
        self._at = now


class Outlet:
    """Writes to a file descriptor what ``take`` hands out, in a daemon thread.

    ``take(limit)`` is asked whenever :meth:`wake` was called and the link can take more, and again until it has
    nothing: so on a slow link what is sent is always the newest, and nobody who calls :meth:`wake` ever waits.
    ``patience()``: seconds to wait for more before what there is gets sent, as one frame.
    """

    def __init__(
        self,
        file: int,
        take: Callable[[int | None], str],
        patience: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.pace = Pace()
        self._patience = patience
        self._file = file
        self._take = take
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._last = False
        self._moved = 0  # bytes that were taken
        threading.Thread(target=self._run, name="terminal-output", daemon=True).start()

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    def finish(self, seconds: float) -> bool:
        """Send what is left without keeping the pace. Left behind, and False, when nothing moves for ``seconds``."""
        self._last = True
        self._woken.set()
        moved = -1
        while moved != self._moved and not self._ended.is_set():
            moved = self._moved
            self._ended.wait(seconds)
        return self._ended.is_set()

    def _run(self) -> None:
        try:
            while not self._last:
                self._woken.wait()
                if (pause := self._patience()) and not self._last:
                    time.sleep(pause)
                self._woken.clear()
                self._send_all()
        except OSError:
            pass  # the terminal is gone; whoever reads its keys ends the app
        finally:
            self._ended.set()

    def _send_all(self) -> None:
        while data := self._take(None if self._last else self.pace.limit()):
            self._write(data.encode("utf-8", "replace"))
            while not self._last and (pause := self.pace.pause(time.monotonic())):
                time.sleep(min(pause, 0.05))

    def _write(self, data: bytes) -> None:
        while data:
            began = time.monotonic()
            written = os.write(self._file, data[:_PIECE])
            self.pace.wrote(written, began, time.monotonic())
            self._moved += written
            data = data[written:]
