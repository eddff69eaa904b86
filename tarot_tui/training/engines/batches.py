"""Samples made into batches: padded to the longest, or in one row behind each other."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tarot_tui.training.encode import IGNORED, Sample

#: What a dataset gives at an index: a sample, or several that are learned together (see :mod:`tarot_tui.training.packing`).
Item = Sample | Sequence[Sample]


@dataclass(frozen=True)
class Collator:
    """Pads a batch on the right to its longest sample.

    pad: the token to pad with; attention never sees it. answers_only: ask the model for logits only at the positions
    where some sample of the batch has a label. They cost a vocabulary of floats each, several times over; the loss is
    the same. See :func:`gives_chosen_logits`.
    """

    pad: int
    answers_only: bool

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        """``input_ids``, ``attention_mask`` (batch, length) and ``labels`` (batch, length).

        With ``answers_only`` labels are (batch, kept): already shifted, so that the one at a position is the token to
        predict there, and given as ``shift_labels`` too; ``logits_to_keep`` (kept,) are the positions.
        """
        samples = list(_samples(items))
        length = max(len(sample.input_ids) for sample in samples)
        batch = {
            "input_ids": _padded([sample.input_ids for sample in samples], length, self.pad),
            "attention_mask": _padded([[1] * len(sample.input_ids) for sample in samples], length, 0),
            "labels": _padded([sample.labels for sample in samples], length, IGNORED),
        }
        return _at_answers(batch) if self.answers_only else batch


@dataclass(frozen=True)
class RowCollator:
    """Puts the samples of a batch into one row, so that nothing is padded; for models that keep them apart.

    answers_only: as with :class:`Collator`.
    """

    answers_only: bool

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        """``lengths`` (samples,), and (1, tokens) ``input_ids``, ``attention_mask``, ``position_ids`` and ``labels``."""
        samples = list(_samples(items))
        lengths = [len(sample.input_ids) for sample in samples]
        batch = {
            # First, because Trainer takes the size of the first for the number of samples.
            "lengths": torch.tensor(lengths),
            "input_ids": _row(token for sample in samples for token in sample.input_ids),
            "attention_mask": torch.ones(1, sum(lengths), dtype=torch.long),
            "position_ids": _row(place for length in lengths for place in range(length)),
            # The first token of a sample is predicted by nobody, least of all by the sample before it.
            "labels": _row(label for sample in samples for label in (IGNORED, *sample.labels[1:])),
        }
        return _at_answers(batch) if self.answers_only else batch


def gives_chosen_logits(model: nn.Module) -> bool:
    """Whether a causal language model of transformers takes ``logits_to_keep`` as positions, and shifted labels."""
    from transformers.loss.loss_utils import ForCausalLMLoss

    parameters = inspect.signature(type(model).forward).parameters
    return "logits_to_keep" in parameters and getattr(model, "loss_function", None) is ForCausalLMLoss


def _samples(items: Iterable[Item]) -> Iterable[Sample]:
    for item in items:
        yield from [item] if isinstance(item, Sample) else item


def _at_answers(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    targets = nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    kept = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
    targets = targets[:, kept].contiguous()
    return batch | {"labels": targets, "shift_labels": targets, "logits_to_keep": kept}


def _row(values: Iterable[int]) -> torch.Tensor:
    return torch.tensor([list(values)], dtype=torch.long)


def _padded(rows: list[list[int]], length: int, filler: int) -> torch.Tensor:
    return torch.tensor([row + [filler] * (length - len(row)) for row in rows], dtype=torch.long)
