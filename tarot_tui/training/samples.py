"""The samples of a recipe: read, tokenised, and divided into what is learned and what is only measured.

Plan and worker both come here, so the plan speaks of the very data that will be trained on.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tarot_tui.project import Project
from tarot_tui.training.encode import Conversation, Sample, encode
from tarot_tui.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Samples:
    """train: what is learned, in the order of the datasets. evaluation: what is only measured on.

    empty: samples that the cut left nothing to learn of; they are in neither.
    sha256: of each dataset's conversations as used, by its name.
    """

    train: list[Sample]
    evaluation: list[Sample]
    empty: list[Sample]
    sha256: dict[str, str]


def prepare(project: Project, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Samples:
    """Read and tokenise the datasets of ``recipe``.

    Raises BadInput for an unknown or broken dataset, Refused when the model's chat template cannot render one.
    """
    sha256: dict[str, str] = {}

    def read(names: Sequence[str]) -> list[Sample]:
        samples: list[Sample] = []
        for name in names:
            found = _conversations(project, name, recipe.max_samples)
            sha256[name] = _digest(found)
            samples += encode(tokenizer, found, recipe.cutoff_len)
        return samples

    train, evaluation = read(recipe.dataset), read(recipe.eval_dataset)
    empty = [sample for sample in train + evaluation if not sample.supervised]
    train, held_out = _hold_out([sample for sample in train if sample.supervised], recipe)
    evaluation = [sample for sample in evaluation if sample.supervised] + held_out
    return Samples(train, evaluation, empty, sha256)


def _conversations(project: Project, name: str, limit: int | None) -> list[Conversation]:
    from tarot_tui.data.dataset import conversations

    return conversations(project, name)[:limit]


def _digest(conversations: list[Conversation]) -> str:
    digest = hashlib.sha256()
    for conversation in conversations:
        digest.update(json.dumps(conversation, ensure_ascii=False, sort_keys=True).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _hold_out(samples: list[Sample], recipe: Recipe) -> tuple[list[Sample], list[Sample]]:
    """``val_size`` of the samples, chosen by the seed, taken out of the rest, whose order is kept."""
    count = round(recipe.val_size * len(samples)) if recipe.val_size < 1 else int(recipe.val_size)
    count = min(count, len(samples))
    chosen = set(random.Random(recipe.seed).sample(range(len(samples)), count))
    return (
        [sample for index, sample in enumerate(samples) if index not in chosen],
        [samples[index] for index in sorted(chosen)],
    )
