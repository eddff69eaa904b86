"""What is asked for: the rows, the prompt, who writes, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.data.synthesis.key import KeySource
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.tokens import Prices
from tarot_tui.project import Project


@dataclass(frozen=True)
class Request:
    """Everything that a synthesis is made of.

    sources: files and folders. name: of the dataset. prompt, prompt_file: see :mod:`prompt`. url: as from
    :func:`place.base_url`. first, last: numbers of rows, from 1 (last None: to the end). prices, most: money, in the
    user's currency; ``most`` ends the asking before it is passed.
    """

    sources: tuple[Path, ...]
    name: str
    prompt: Prompt
    prompt_file: Path
    url: str = ""
    model: str = ""
    key: KeySource = field(default_factory=KeySource)
    first: int = 1
    last: int | None = None
    limits: Limits = field(default_factory=Limits)
    prices: Prices | None = None
    most: float | None = None

    def as_dict(self, project: Project) -> dict[str, Any]:
        """For ``job.yaml``; paths relative to the project when inside it. No key is in it, only where one is."""
        return {
            "sources": [project.relative(path) for path in self.sources],
            "name": self.name,
            "prompt": self.prompt.model_dump(),
            "prompt_file": project.relative(self.prompt_file),
            "url": self.url,
            "model": self.model,
            "key": self.key.as_dict(),
            "rows": [self.first, self.last],
            "limits": self.limits.as_dict(),
            "prices": [self.prices.prompt, self.prices.completion] if self.prices else None,
            "most": self.most,
        }

    @classmethod
    def parse(cls, found: dict[str, Any], project: Project) -> Request:
        """What :meth:`as_dict` wrote."""
        return cls(
            sources=tuple(project.resolve(path) for path in found["sources"]),
            name=found["name"],
            prompt=Prompt.model_validate(found["prompt"]),
            prompt_file=project.resolve(found["prompt_file"]),
            url=found["url"],
            model=found["model"],
            key=KeySource.parse(found["key"]),
            first=found["rows"][0],
            last=found["rows"][1],
            limits=Limits(**found["limits"]),
            prices=Prices(*found["prices"]) if found["prices"] else None,
            most=found["most"],
        )
