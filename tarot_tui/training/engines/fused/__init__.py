"""The same model, computed with less: a loss without logits, fewer autograd nodes, batches without padding.

:func:`fuse` changes a model in place and leaves its modules, parameters and hooks as they are, so that Trainer,
accelerate, DDP, FSDP and DeepSpeed see what they always saw. Whatever is not known to come out the same is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import torch
from torch import nn

from tarot_tui.locale import _
from tarot_tui.training.engines.fused import segments
from tarot_tui.training.engines.fused.lora import fuse_lora
from tarot_tui.training.engines.fused.loss import Head, head_of, loss_of
from tarot_tui.training.engines.fused.mlp import fuse_mlps
from tarot_tui.training.engines.fused.norm import fuse_norms


@dataclass(frozen=True)
class Fused:
    """loss: whether the model gives its loss without logits. rows: whether it takes rows of texts (see :func:`.segments.row`).
    lora, mlps, norms: modules that are one node each. left: a sentence for each thing that stays as it was."""

    loss: bool
    rows: bool
    lora: int
    mlps: int
    norms: int
    left: list[str] = field(default_factory=list)


def fuse(model: nn.Module, *, rows: bool, ours: bool = True) -> Fused:
    """Fuse what can be in ``model``, a causal language model of transformers or peft's wrapper of one.

    rows: whether batches shall be rows of texts, if the model can. ours: whether to touch its modules and its loss; not
    where other kernels already have.
    """
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    left = []
    lora = unfused = mlps = norms = 0
    head = None
    if ours:
        lora, unfused = fuse_lora(model) if causal is not model else (0, 0)
        mlps, norms, head = fuse_mlps(causal), fuse_norms(causal), head_of(causal)
        if head is None:
            left.append(_("The loss is computed from whole logits: this model's head is trained or unknown."))
    if unfused:
        left.append(
            _("{count} LoRA layers are computed by peft: they have dropout, DoRA or another variant.").format(
                count=unfused
            )
        )
    if rows and not segments.fits(causal):
        left.append(_("Batches are padded: this model's attention cannot keep several texts of a row apart."))
        rows = False
    # FlashAttention sees by itself where positions begin anew.
    if rows and not causal.config._attn_implementation.startswith("flash"):
        causal.set_attn_implementation(segments.NAME)
    causal.forward = MethodType(_forward(causal.forward, head), causal)
    return Fused(head is not None or not ours, rows, lora, mlps, norms, left)


def _forward(whole: Callable[..., Any], head: Head | None) -> Callable[..., Any]:
    """The forward pass ``whole``, and instead of it, where there are labels and a known head, the loss alone.

    lengths: of the texts of a row, (texts,); None where there is a text a row.
    """

    def forward(
        self: Any,
        input_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        lengths: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        with segments.row(lengths):
            if labels is None:
                return whole(input_ids=input_ids, **kwargs)
            if head is None or "shift_labels" in kwargs:
                return whole(
                    input_ids=input_ids, labels=labels, num_items_in_batch=num_items_in_batch, **kwargs
                )
            found = self.base_model(input_ids=input_ids, use_cache=False, **kwargs)
        from transformers.modeling_outputs import CausalLMOutputWithPast

        hidden = found.last_hidden_state
        return CausalLMOutputWithPast(loss=loss_of(head, hidden, labels, num_items_in_batch))

    return forward
