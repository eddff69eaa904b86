"""A job in named steps: each is recorded in the job's folder when it is done, and skipped by the attempts after.

    steps = Steps(worker.job_dir(), ("merge", "quantise"))
    with steps.step("merge", key=sha256_of_the_adapter) as step:
        if step:
            step.facts["bytes"] = merge()

Standard library only: workers in other environments import this too. One worker writes; any number may :func:`read`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from tarot_tui.jobs import files

#: ``{"steps": [{name, title, state, started, ended, key, facts}, …]}``, in the order of the work.
FILE = "steps.json"

State = Literal["waiting", "begun", "done"]


@dataclass
class Step:
    """One step, true while it is still to be done. Times are seconds since the epoch, of the latest attempt at it.

    title: for people; the name when empty. key: what its outcome rests on; another key than the recorded one and it is
    done anew. facts: JSON-ready, set by whoever does the step, and still there when it is skipped.
    """

    name: str
    title: str = ""
    state: State = "waiting"
    started: float | None = None
    ended: float | None = None
    key: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.state != "done"


class Steps:
    """The steps of one job, in the order of the work. Each builds on those before it."""

    def __init__(self, folder: Path | None, names: Iterable[str] = ()) -> None:
        """Take up what earlier attempts recorded in ``folder``; without one (outside a job) nothing is recorded.

        names: the steps that are known beforehand, so that readers see what is still to come.
        """
        self._folder = folder
        self._steps = read(folder) if folder else []
        known = {step.name for step in self._steps}
        self._steps += [Step(name) for name in names if name not in known]

    @contextmanager
    def step(self, name: str, title: str = "", key: str = "") -> Iterator[Step]:
        """The step ``name``: false when it is done. Otherwise do it in the block; left without an exception it is done.

        A step that is done anew, because its ``key`` changed, puts those after it back too. Raises OSError when the
        record cannot be written; the step then counts as not done.
        """
        step = self._named(name)
        step.title = title or step.title
        if step.state == "done" and step.key == key:
            yield step
            return
        for later in self._steps[self._steps.index(step) :]:
            later.state, later.started, later.ended, later.facts = "waiting", None, None, {}
        step.state, step.started, step.key = "begun", time.time(), key
        self._record(step)
        yield step
        step.state, step.ended = "done", time.time()
        self._record(step)

    def _named(self, name: str) -> Step:
        for step in self._steps:
            if step.name == name:
                return step
        self._steps.append(Step(name))
        return self._steps[-1]

    def _record(self, step: Step) -> None:
        if self._folder:
            # Durable: after a power cut no step may count as done whose outcome the next one cannot find recorded.
            files.write_json(
                self._folder / FILE, {"steps": [asdict(step) for step in self._steps]}, durable=True
            )
            files.append_event(self._folder, "step", name=step.name, state=step.state)


def read(folder: Path) -> list[Step]:
    """The recorded steps of a job; [] without any. Never raises: what is damaged counts as not done."""
    found = files.read_json(folder / FILE).get("steps")
    return [_step(entry) for entry in found if _is_step(entry)] if isinstance(found, list) else []


def _is_step(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _step(entry: dict[str, Any]) -> Step:
    def of_kind(key: str, kinds: Any, default: Any) -> Any:
        return entry[key] if isinstance(entry.get(key), kinds) else default

    state = entry.get("state")
    return Step(
        name=entry["name"],
        title=of_kind("title", str, ""),
        state=state if state in get_args(State) else "waiting",
        started=of_kind("started", int | float, None),
        ended=of_kind("ended", int | float, None),
        key=of_kind("key", str, ""),
        facts=of_kind("facts", dict, {}),
    )
