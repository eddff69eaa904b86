"""The loss of a causal language model without its logits.

Scores over a vocabulary are by far the largest thing that a small model computes. They are needed only where a token
is learned; there, the gradient of the hidden state can be made together with the loss, some positions at a time, so
that never more of them exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from tarot_tui.training.activations import positions_at_a_time
from tarot_tui.training.encode import IGNORED
from tarot_tui.training.engines.fused.standin import tried


@dataclass(frozen=True)
class Head:
    """How a model makes scores of its last hidden state: ``scale × (h Wᵀ + b)``, then, with a ``cap``,
    ``cap × tanh(… / cap)`` (Gemma 2, arXiv:2408.00118, §2)."""

    linear: nn.Linear
    scale: float
    cap: float

    def bend(self, scores: torch.Tensor) -> torch.Tensor:
        """Scale and cap in place."""
        if self.scale != 1:
            scores.mul_(self.scale)
        return scores.div_(self.cap).tanh_().mul_(self.cap) if self.cap else scores


class CrossEntropy(torch.autograd.Function):
    """Sum over positions of ``-log softmax(scores)[target]``.

    hidden (positions, width); targets (positions,); weight, bias: of the head, which must be frozen: only hidden gets a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        head: Head,
    ) -> torch.Tensor:
        """Keeps the gradient of hidden, in its own precision."""
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        size = positions_at_a_time(weight.shape[0], hidden.device.type)
        for begin in range(0, len(hidden), size):
            part = slice(begin, begin + size)
            scores = head.bend(nn.functional.linear(hidden[part], weight, bias).float())
            lost, slope = _of_scores(scores, targets[part].unsqueeze(1), head)
            total += lost
            if gradient is not None:
                torch.mm(slope.to(weight.dtype), weight, out=gradient[part])
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """All that is left to do is to scale."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0].to(gradient.dtype), None, None, None, None


def _of_scores(scores: torch.Tensor, targets: torch.Tensor, head: Head) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss of (positions, vocabulary) scores, which are used up, and its gradient by what the head's layer gave.

    targets: (positions, 1).
    """
    bend = 1 - (scores / head.cap).square() if head.cap else None
    said, highest = scores.gather(1, targets), scores.amax(1, keepdim=True)
    # In place only where a row is known to be read before it is written.
    shares = torch.softmax(scores, 1, out=scores if scores.device.type == "cpu" else None)
    # log Σ exp: of the likeliest token both score and share are known, and the share is not small.
    lost = (highest - shares.amax(1, keepdim=True).log() - said).sum()
    slope = shares.scatter_add_(1, targets, shares.new_full(targets.shape, -1.0))
    if bend is not None:
        slope.mul_(bend)
    return lost, slope.mul_(head.scale) if head.scale != 1 else slope


def head_of(causal: nn.Module) -> Head | None:
    """The head of a causal language model of transformers; None when its scores are made in another way, or trained."""
    linear = causal.get_output_embeddings()
    if type(linear) is not nn.Linear or any(weight.requires_grad for weight in linear.parameters()):
        return None
    config = causal.config.get_text_config()
    if getattr(config, "output_router_logits", False):
        return None  # a mixture of experts then adds a loss of its own
    head = Head(
        linear,
        scale=getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1),
        cap=getattr(config, "final_logit_softcapping", None) or 0.0,
    )
    return head if _makes_these(causal, head) else None


def loss_of(head: Head, hidden: torch.Tensor, labels: torch.Tensor, count: Any) -> torch.Tensor:
    """The loss of (batch, length) labels, each the token at its own place, summed and divided by ``count``.

    count: labels of the whole optimiser step, as Trainer gives it; None for those here.
    """
    targets = labels[:, 1:].reshape(-1)
    kept = (targets != IGNORED).nonzero().squeeze(1)
    # Read once and not called: where DeepSpeed has the weight in pieces, it is whole from here to the end of this pass.
    weight, bias = head.linear.weight, head.linear.bias
    hidden = hidden[:, :-1].reshape(-1, hidden.shape[-1])[kept].to(weight.dtype)
    with torch.autocast(hidden.device.type, enabled=False):  # everything is in the head's precision
        total = CrossEntropy.apply(hidden, targets[kept], weight, bias, head)
    if count is None:
        count = max(len(kept), 1)
    return total / (count.to(total.device) if torch.is_tensor(count) else count)


def _makes_these(causal: nn.Module, head: Head) -> bool:
    """Whether the class's own forward pass makes of a hidden state the scores we do, and gives them to the usual loss."""
    from transformers.loss.loss_utils import ForCausalLMLoss

    if getattr(causal, "loss_function", None) is not ForCausalLMLoss:
        return False
    hidden = torch.linspace(-3, 3, 12).view(1, 3, 4)
    seen: list[torch.Tensor] = []

    def loss(logits: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        seen.append(logits)
        return logits.sum()

    whole = tried(
        type(causal).forward,
        causal,
        input_ids=torch.zeros(1, 3, dtype=torch.long),
        labels=torch.zeros(1, 3, dtype=torch.long),
        parts={
            causal.base_model_prefix: _gives(hidden),
            _name_of(causal, head.linear): lambda hidden: hidden,
            "loss_function": loss,
        },
    )
    return whole is not None and len(seen) == 1 and torch.allclose(seen[0].float(), head.bend(hidden.clone()))


def _gives(hidden: torch.Tensor) -> Callable[..., Any]:
    class Output(SimpleNamespace):
        """What a model may also say is asked for by attribute or by place."""

        def __getattr__(self, _name: str) -> None:
            return None

        def __getitem__(self, place: int) -> torch.Tensor:
            return (hidden,)[place]

    return lambda *_args, **_kwargs: Output(last_hidden_state=hidden)


def _name_of(causal: nn.Module, part: nn.Module) -> str:
    return next((name for name, module in causal.named_children() if module is part), "")
