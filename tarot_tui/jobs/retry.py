"""Another attempt at once, with less: what the maker of a job lets its supervisor change when the work fails.

Key ``retries`` of ``job.yaml``, a ladder: a list of rungs, each ``causes`` (of :mod:`tarot_tui.jobs.classify`),
``changes`` (keys of the request, and their values from then on), ``what`` (a sentence), and ``begun`` (only for work
that had begun its steps). Key ``last_words``: by cause, what to say when no rung is left; ``{job}`` becomes the job's name.
The rungs that were taken stand in ``retries.json``; the request itself stays what was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.jobs import files

FILE = "retries.json"


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder, and its place in it, from 0."""

    place: int
    causes: tuple[str, ...]
    changes: dict[str, Any]
    what: str
    begun: bool


def taken(folder: Path) -> list[dict[str, Any]]:
    """The rungs that were taken, in order: ``place``, ``cause``, ``changes``, ``what``, ``time``. Never raises."""
    found = files.read_json(folder / FILE).get("taken")
    return [one for one in found if _is_taken(one)] if isinstance(found, list) else []


def in_force(folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """``request`` with everything that was changed in it since."""
    changed = dict(request)
    for one in taken(folder):
        changed |= one["changes"]
    return changed


def next_rung(folder: Path, spec: Mapping[str, Any], cause: str, *, begun: bool) -> Rung | None:
    """The rung to try after work that failed of ``cause``, having begun its steps or not; None when none is left."""
    reached = max((one["place"] for one in taken(folder)), default=-1)
    for rung in _rungs(spec)[reached + 1 :]:
        if cause in rung.causes and (begun or not rung.begun):
            return rung
    return None


def take(folder: Path, rung: Rung, cause: str) -> None:
    """Write down, for good, that ``rung`` holds from now on. Raises OSError."""
    one = {
        "place": rung.place,
        "cause": cause,
        "changes": rung.changes,
        "what": rung.what,
        "time": time.time(),
    }
    files.write_json(folder / FILE, {"taken": [*taken(folder), one]}, durable=True)
    files.append_event(folder, "retry", **one)


def last_word(spec: Mapping[str, Any], name: str, cause: str) -> str:
    """What to say of a failure for which no rung is left; empty when its maker said nothing."""
    said = spec.get("last_words")
    return str(said.get(cause) or "").replace("{job}", name) if isinstance(said, dict) else ""


def forget(folder: Path) -> None:
    """Begin the ladder anew. Only for a job that does not run, by whoever holds its lock."""
    (folder / FILE).unlink(missing_ok=True)


def _rungs(spec: Mapping[str, Any]) -> list[Rung]:
    found = spec.get("retries")
    return [
        Rung(place, tuple(one["causes"]), one["changes"], str(one.get("what") or ""), bool(one.get("begun")))
        for place, one in enumerate(found if isinstance(found, list) else [])
        if isinstance(one, dict)
        and isinstance(one.get("causes"), list)
        and isinstance(one.get("changes"), dict)
    ]


def _is_taken(one: Any) -> bool:
    return (
        isinstance(one, dict) and isinstance(one.get("changes"), dict) and isinstance(one.get("place"), int)
    )
