"""The samples of a recipe: read, tokenised, and divided into what is learned and what is only measured.

Plan and worker both come here, so the plan speaks of the very data that will be trained on.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.data.split import position
from tarot_tui.project import Project
from tarot_tui.training.encode import Conversation, Sample, cut_at, encode_whole, load_tokenizer
from tarot_tui.training.mixing import mixed
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.token_cache import cached

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Samples:
    """train: what is learned, in the order of the datasets or mixed. evaluation: what is only measured on.

    empty: samples that the cut left nothing to learn of; they are in neither.
    sha256: of each dataset's conversations as used, by its name.
    asked: of the measured ones, or of the learned if there are none, ``sample_answers`` with the messages up to their
    first answer.
    """

    train: list[Sample]
    evaluation: list[Sample]
    empty: list[Sample]
    sha256: dict[str, str]
    asked: list[tuple[Conversation, Sample]] = field(default_factory=list)


def prepare(
    project: Project, recipe: Recipe, base: Path, tokenizer: PreTrainedTokenizerBase | None = None
) -> Samples:
    """Read the datasets of ``recipe`` and tokenise them for the model in ``base``, whose ``tokenizer`` is only loaded
    when it is needed: what was tokenised once is kept (:mod:`.token_cache`).

    Raises BadInput for an unknown or broken dataset, Refused when the model's chat template cannot render one.
    """
    sha256: dict[str, str] = {}
    empty: list[Sample] = []
    said: dict[int, Conversation] = {}

    def read(name: str) -> list[tuple[Conversation, Sample]]:
        found = _conversations(project, name, recipe.max_samples)
        sha256[name] = _digest(found)
        whole = cached(
            project, base, sha256[name], lambda: encode_whole(tokenizer or load_tokenizer(base), found)
        )
        encoded = [cut_at(sample, recipe.cutoff_len) for sample in whole]
        said.update((id(sample), messages) for messages, sample in zip(found, encoded, strict=True))
        empty.extend(sample for sample in encoded if not sample.supervised)
        return [pair for pair in zip(found, encoded, strict=True) if pair[1].supervised]

    # What is held out is taken before the mix, which may repeat samples: none is both learned and measured on.
    train, held_out = _hold_out([read(name) for name in recipe.dataset], recipe.val_size)
    evaluation = [sample for name in recipe.eval_dataset for _said, sample in read(name)] + held_out
    pool = _spread(evaluation or [sample for one in train for sample in one], recipe.sample_answers)
    asked = [(_up_to_answer(said[id(sample)]), sample) for sample in pool]
    train = mixed(train, recipe.mix_strategy, recipe.probabilities, recipe.seed)
    return Samples(train, evaluation, empty, sha256, asked)


def _spread(samples: list[Sample], count: int) -> list[Sample]:
    """So many of them, or all, evenly from beginning to end."""
    count = min(count, len(samples))
    return [samples[(2 * number + 1) * len(samples) // (2 * count)] for number in range(count)]


def _up_to_answer(messages: Conversation) -> Conversation:
    return list(takewhile(lambda message: message["role"] != "assistant", messages))


def _conversations(project: Project, name: str, limit: int | None) -> list[Conversation]:
    from tarot_tui.data.dataset import conversations

    return conversations(project, name)[:limit]


def _digest(conversations: list[Conversation]) -> str:
    digest = hashlib.sha256()
    for conversation in conversations:
        digest.update(json.dumps(conversation, ensure_ascii=False, sort_keys=True).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _hold_out(
    datasets: list[list[tuple[Conversation, Sample]]], val_size: float
) -> tuple[list[list[Sample]], list[Sample]]:
    """``val_size`` of the samples taken out of the rest, whose order is kept.

    They are those that come first by what is asked in them (:func:`tarot_tui.data.split.position`): the same ones
    whatever the seed and the order, and nearly the same when samples are added.
    """
    placed = (
        sorted(
            (position(said), which, number)
            for which, found in enumerate(datasets)
            for number, (said, _sample) in enumerate(found)
        )
        if val_size
        else []
    )
    count = round(val_size * len(placed)) if val_size < 1 else int(val_size)
    chosen = {(which, number) for _position, which, number in placed[:count]}
    train = [
        [sample for number, (_said, sample) in enumerate(found) if (which, number) not in chosen]
        for which, found in enumerate(datasets)
    ]
    return train, [datasets[which][number][1] for which, number in sorted(chosen)]
