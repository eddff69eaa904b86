"""What a proof is made with: texts to tokenise, conversations to render, samples to measure on, questions to ask."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import TarotError
from tarot_tui.export.chat_template import json_object, trained_with
from tarot_tui.export.tokens import TEXTS

if TYPE_CHECKING:
    from tarot_tui.export.release import Release
    from tarot_tui.project import Project

Messages = list[dict[str, str]]

#: So many held-out positions, trained questions, and likeliest tokens at each position.
POSITIONS, QUESTIONS, TOP = 256, 10, 1000


@dataclass(frozen=True)
class Measured:
    """One sample as tokens; from ``start`` on each is predicted from those before it."""

    tokens: list[int]
    start: int


@dataclass
class Material:
    """conversations: the release's, with the prompt that the tokenizer makes of each. tokenizer: the folder of that one.

    samples: held out from the training where the run held some out (``held_out``), else trained ones. questions: of
    trained samples, as messages; answers: what was trained. added: the tokenizer's added tokens.
    """

    texts: list[str]
    conversations: list[dict[str, Any]]
    tokenizer: Path
    samples: list[Measured] = field(default_factory=list)
    held_out: bool = False
    questions: list[Messages] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


def collect(project: Project, release: Release, seed: int = 42) -> Material:
    """The material for ``release``; without its run, or when its data is gone, only texts and conversations."""
    base = Path(release.facts["base"]["folder"])
    tokenizer = trained_with(base, adapter_of(project, release))
    found = Material(list(TEXTS), list(release.conversations), tokenizer, added=_added(tokenizer))
    found.texts += found.added + [str(one["prompt"]) for one in found.conversations]
    request = _request(project, release)
    if request:
        _add_samples(project, request, base, found, seed)
    return found


def adapter_of(project: Project, release: Release) -> Path | None:
    """The folder of the first adapter that was merged in; None where every weight was trained, or none."""
    if not release.run:
        named = release.facts.get("adapters") or []
        return Path(named[0]["folder"]) if named else None
    adapter = release.facts.get("adapter")
    return project.jobs / release.run / str(adapter) if adapter is not None else None


def _request(project: Project, release: Release) -> dict[str, Any]:
    from tarot_tui.jobs.spec import read_spec

    if not release.run:
        return {}
    try:
        return dict(read_spec(project.jobs / release.run).get("request") or {})
    except TarotError:
        return {}


def _add_samples(project: Project, request: dict[str, Any], base: Path, found: Material, seed: int) -> None:
    from tarot_tui.training.recipe import Recipe
    from tarot_tui.training.samples import prepare

    try:
        recipe = Recipe(**{key: value for key, value in request.items() if key in Recipe.model_fields})
        samples = prepare(project, recipe, base)
        trained = _conversations(project, recipe)
    except (TarotError, OSError, ValueError):
        return  # the data is not there any more; the page says what was not measured
    found.held_out = bool(samples.evaluation)
    chosen = random.Random(seed)
    pool = list(samples.evaluation or samples.train)
    chosen.shuffle(pool)
    left = POSITIONS
    for sample in pool:
        tokens = sample.input_ids[: sample.prompt + left]
        if len(tokens) > sample.prompt:
            found.samples.append(Measured(tokens, sample.prompt))
            left -= len(tokens) - sample.prompt
        if left <= 0:
            break
    for messages in chosen.sample(trained, min(QUESTIONS, len(trained))):
        found.questions.append(messages[:-1])
        found.answers.append(messages[-1]["content"])


def _conversations(project: Project, recipe: Any) -> list[Messages]:
    from tarot_tui.data.dataset import conversations

    found: list[Messages] = []
    for name in recipe.dataset:
        found += list(conversations(project, name))[: recipe.max_samples]
    return found


def _added(tokenizer: Path) -> list[str]:
    tokens = json_object(tokenizer / "tokenizer.json").get("added_tokens") or []
    return [one["content"] for one in tokens if isinstance(one, dict) and isinstance(one.get("content"), str)]
