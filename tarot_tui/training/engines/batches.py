"""Samples made into batches."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from tarot_tui.training.encode import IGNORED, Sample


@dataclass(frozen=True)
class Collator:
    """Pads a batch on the right to its longest sample.

    pad: the token to pad with; attention never sees it. answers_only: ask the model for logits only at the positions
    where some sample of the batch has a label. They cost a vocabulary of floats each, several times over; the loss is
    the same. See :func:`gives_chosen_logits`.
    """

    pad: int
    answers_only: bool

    def __call__(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        """``input_ids``, ``attention_mask`` (batch, length) and ``labels`` (batch, length).

        With ``answers_only`` labels are (batch, kept): already shifted, so that the one at a position is the token to
        predict there, and given as ``shift_labels`` too; ``logits_to_keep`` (kept,) are the positions.
        """
        length = max(len(sample.input_ids) for sample in samples)
        batch = {
            "input_ids": _padded([sample.input_ids for sample in samples], length, self.pad),
            "attention_mask": _padded([[1] * len(sample.input_ids) for sample in samples], length, 0),
        }
        labels = _padded([sample.labels for sample in samples], length, IGNORED)
        if not self.answers_only:
            return batch | {"labels": labels}
        targets = nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        kept = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
        targets = targets[:, kept].contiguous()
        return batch | {"labels": targets, "shift_labels": targets, "logits_to_keep": kept}


def gives_chosen_logits(model: nn.Module) -> bool:
    """Whether a causal language model of transformers takes ``logits_to_keep`` as positions, and shifted labels."""
    from transformers.loss.loss_utils import ForCausalLMLoss

    parameters = inspect.signature(type(model).forward).parameters
    return "logits_to_keep" in parameters and getattr(model, "loss_function", None) is ForCausalLMLoss


def _padded(rows: list[list[int]], length: int, filler: int) -> torch.Tensor:
    return torch.tensor([row + [filler] * (length - len(row)) for row in rows], dtype=torch.long)
