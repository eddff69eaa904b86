"""Looking at a dataset: what it is, how much it is, its first samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tarot_tui.data import dataset, record, registry
from tarot_tui.errors import BadInput
from tarot_tui.project import Project


@dataclass
class Summary:
    """A dataset at a glance.

    file: relative to the project, '' when the data is elsewhere.
    samples: None when only reading the file would tell.
    with_system, turns: how many samples have a system prompt; how many answers there are in all.
    longest_answer: in characters.
    built: when (ISO 8601, UTC), '' if not built here. sources: the files it was built of.
    first: the first samples, as Alpaca. numbers: theirs in the file, which tell of those that were dropped.
    problem: why the entry cannot be read, '' if it can.
    """

    name: str
    file: str = ""
    formatting: str = "alpaca"
    samples: int | None = None
    with_system: int = 0
    turns: int = 0
    longest_answer: int = 0
    built: str = ""
    sources: list[str] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The fields as they are, JSON-ready."""
        return asdict(self)


def summary(project: Project, name: str, count: int = 5) -> Summary:
    """Read ``name`` through once, keeping ``count`` samples. Raises BadInput as :func:`dataset.samples` does."""
    found = _registered(project, name)
    found.samples = 0
    entry = dataset.usable(project, name)
    for number, raw in dataset.numbered(project, entry):
        sample = dataset.as_alpaca(entry, number, raw)
        found.samples += 1
        found.with_system += "system" in sample
        found.turns += 1 + len(sample.get("history", ()))
        found.longest_answer = max(found.longest_answer, len(sample["output"]))
        if found.samples <= count:
            found.first.append(sample)
            found.numbers.append(number)
    return found


def overview(project: Project) -> list[Summary]:
    """All registered datasets without reading their data: counts are those of the builds, faults are ``problem``."""
    found = []
    for name in dataset.names(project):
        try:
            found.append(_registered(project, name))
        except BadInput as error:
            found.append(Summary(name, problem=str(error)))
    return found


def _registered(project: Project, name: str) -> Summary:
    entry = registry.entry(project, name)
    noted = record.read(project, name)
    count = noted.get("samples")
    sources = noted.get("sources")
    return Summary(
        name,
        project.relative(entry.file) if entry.file else "",
        entry.formatting,
        count if isinstance(count, int) else None,
        built=str(noted.get("built") or ""),
        sources=[str(one.get("path")) for one in sources if isinstance(one, dict)]
        if isinstance(sources, list)
        else [],
    )
