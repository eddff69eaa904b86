"""What a supervisor has to do with those of the job's other machines: one folder, one end for all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files, nodes, status
from tarot_tui.jobs.classify import Verdict

#: Seconds that this machine's processes have to notice that the job has ended on the first machine.
_LEFT_ALONE = 30.0
#: Seconds to wait for the first machine's verdict when ours would only be that the connection broke.
_VERDICT_SECONDS = 5.0
_SECOND_HAND = ("collective_timeout", "collective_error", "killed", "exit_code")


class Machine:
    """This machine's place in a job. The first machine, and a job on one machine, is its own master."""

    def __init__(self, place: Path) -> None:
        """``place``: the absolute path of the folder that is supervised, which is also the working directory."""
        self.job = nodes.job_of(place) or place
        self._shared = Path() if self.job == place else Path("../..")
        self._first = self.job == place
        self._seen_alive = False
        self._ended_at: float | None = None
        self._attempt: int | None = None

    def result(self) -> dict[str, Any]:
        """What rank 0 said at the end."""
        return files.read_json(self._shared / files.RESULT)

    def ask_all(self, verb: str, why: str = "") -> None:
        """Ask the whole job, when this machine alone was told something, and say ``why``. Raises OSError."""
        if not self._first:
            (self._shared / files.request_file(verb)).write_text(why)

    def look(self) -> None:
        """See how the first machine is: before our worker starts, lest its first attempt be over unseen, and ever again."""
        if self._first:
            return
        found = status.read(self._shared)
        if found.alive:
            self._seen_alive, self._ended_at = True, None
            self._attempt = self._attempt or found.attempt
        elif self._seen_alive:
            self._ended_at = self._ended_at or time.monotonic()

    def left_alone(self) -> bool:
        """Whether the job ended on the first machine while ours goes on, which nobody else would see."""
        self.look()
        return self._ended_at is not None and time.monotonic() - self._ended_at > _LEFT_ALONE

    def verdict(self, ours: Verdict) -> Verdict:
        """Our verdict, or the first machine's where ours is but its consequence."""
        if self._first or ours.cause not in _SECOND_HAND:
            return ours
        deadline = time.monotonic() + _VERDICT_SECONDS
        while time.monotonic() < deadline:
            found = status.read(self._shared)
            if found.alive and found.attempt != self._attempt:
                return ours
            if not found.alive:
                return Verdict(found.state, found.cause, found.reason) if found.state != "queued" else ours
            time.sleep(0.2)
        return ours

    def goes_on(self) -> bool:
        """Whether the first machine has begun another attempt by itself, in which ours has to take part."""
        deadline = time.monotonic() + _VERDICT_SECONDS
        while self._attempt is not None and time.monotonic() < deadline:
            found = status.read(self._shared)
            if not found.alive:
                return False
            if found.attempt != self._attempt:
                self._attempt = None  # until it is seen alive
                return True
            time.sleep(0.2)
        return False
