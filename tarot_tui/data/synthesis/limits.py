"""How hard a server may be asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """per_minute: requests, None for no limit. concurrency: requests at a time. timeout: seconds for one whole answer.

    retries: how often one row is asked again while the server fails; backoff: seconds, the wait after a first failure;
    longest_wait: seconds; a server that asks for more ends the job. tries: replies that one row may cost until it is
    given up as invalid, refused or copied.
    """

    per_minute: float | None = None
    concurrency: int = 1
    timeout: float = 180.0
    retries: int = 7
    backoff: float = 1.0
    longest_wait: float = 600.0
    tries: int = 3

    def as_dict(self) -> dict[str, Any]:
        """For ``job.yaml``."""
        return asdict(self)
