"""Ending a worker: with growing pressure (a request, then SIGTERM, then SIGKILL), or at once (SIGKILL)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.jobs.process import Worker

#: Seconds, each also a key of ``job.yaml``: to save and stop after a request, and from SIGTERM to SIGKILL after that.
STOP_GRACE = 300.0
TERM_GRACE = 10.0


class Stopping:
    """What was asked of the worker, and when it gets rougher. asked: ``""``, ``stop`` or ``kill``."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.asked = ""
        self.forced = False
        self._last = ""
        self._stop_grace = float(spec.get("stop_grace", STOP_GRACE))
        self._term_grace = float(spec.get("term_grace", TERM_GRACE))
        self._terminate_at = self._kill_at = float("inf")

    def ask(self, verb: str) -> bool:
        """Take a request, ``stop`` or ``kill``, and say whether it is news: ``kill`` overrides ``stop``."""
        if self.asked in (verb, "kill"):
            return False
        self.asked = verb
        self._last = ""
        # The monotonic clock: a changed wall clock must not shorten anybody's time to save.
        now = time.monotonic()
        if verb == "stop":
            self._terminate_at = now + self._stop_grace
            self._kill_at = self._terminate_at + self._term_grace
        else:
            # No SIGTERM: a training takes it as the machine's word to save and stop.
            self._terminate_at, self._kill_at = float("inf"), now
        return True

    def press(self, worker: Worker) -> bool:
        """Send the signal whose time has come, and say whether that is news to whoever read the announcement before.

        Called again and again until the worker has ended.
        """
        now = time.monotonic()
        if now >= self._terminate_at:
            self._terminate_at = float("inf")
            # Its time begins now, however late we are on a machine that was too busy for us.
            self._kill_at = now + self._term_grace
            self.forced = True
            worker.terminate()
            return self._reached("SIGTERM")
        if now >= self._kill_at:
            self._kill_at = now + 1
            self.forced = True
            worker.kill()
            return self.asked != "kill" and self._reached("SIGKILL")
        return False

    def announcement(self) -> str:
        """What was done and what will happen, with the times."""
        if self.asked == "kill":
            return _("Killed (SIGKILL), as asked.")
        if self._last == "SIGKILL":
            return _("Killed (SIGKILL): it did not end by itself.")
        kill_at = _clock(self._kill_at)
        if self._last == "SIGTERM":
            return _("Told to end (SIGTERM); killed at {time} if it still runs.").format(time=kill_at)
        return _(
            "Asked to save and stop. If it still runs, it is ended by force: SIGTERM at {term}, SIGKILL at {kill}."
        ).format(term=_clock(self._terminate_at), kill=kill_at)

    def _reached(self, signal: str) -> bool:
        news = self._last != signal
        self._last = signal
        return news


def _clock(moment: float) -> str:
    """A moment of the monotonic clock on the wall's."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + moment - time.monotonic()))
