"""RMSNorm as one autograd node.

It keeps its input and one number a token; autograd keeps the input twice over in fp32 and the result as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Kind:
    """How the classes of transformers differ: whether ``1 + weight`` scales (Gemma), and whether the input's precision
    is restored before scaling (Llama) or after."""

    plus_one: bool
    early: bool


_KINDS = (Kind(False, True), Kind(False, False), Kind(True, False))


class RMSNorm(torch.autograd.Function):
    """``x / sqrt(mean(x²) + eps) × weight`` over the last dimension, with a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float, kind: Kind) -> torch.Tensor:
        """``x`` (…, width) in any precision; ``weight`` (width,)."""
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, scale)
        ctx.kind = kind
        normal = wide * scale
        if kind.early:
            return normal.to(x.dtype) * weight
        return normal.mul_(_factor(weight, kind)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """With ``g = gradient × weight`` and ``n = x × scale``: ``scale × (g - n × mean(g × n))``."""
        x, weight, scale = ctx.saved_tensors
        found = gradients[0].float() * _factor(weight, ctx.kind)
        normal = x.float() * scale
        along = (found * normal).mean(-1, keepdim=True)
        return found.addcmul_(normal, along, value=-1).mul_(scale).to(x.dtype), None, None, None


def fuse_norms(model: nn.Module) -> int:
    """Let every RMSNorm with a frozen weight compute itself so; their number."""
    kinds: dict[type, Kind | None] = {}
    count = 0
    for module in model.modules():
        if not type(module).__name__.endswith("RMSNorm") or _eps(module) is None:
            continue
        if type(module) not in kinds:
            kinds[type(module)] = _kind_of(module)
        if (kind := kinds[type(module)]) and not module.weight.requires_grad:
            module.forward = MethodType(_forward(kind), module)
            count += 1
    return count


def _forward(kind: Kind) -> Any:
    return lambda self, hidden_states: RMSNorm.apply(hidden_states, self.weight, _eps(self), kind)


def _factor(weight: torch.Tensor, kind: Kind) -> torch.Tensor:
    return weight.float() + 1 if kind.plus_one else weight.float()


def _eps(module: nn.Module) -> float | None:
    found = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    return found if isinstance(found, float) and list(dict(module.named_parameters())) == ["weight"] else None


def _kind_of(module: nn.Module) -> Kind | None:
    """The kind that gives bit for bit what the class itself gives; None when none does."""
    try:
        own = type(module)(16, _eps(module)).to(torch.bfloat16)
    except Exception:  # not a norm of one width
        return None
    generator = torch.Generator().manual_seed(0)
    own.weight.data = torch.randn(16, generator=generator).to(torch.bfloat16)
    x = torch.randn(64, 16, generator=generator).to(torch.bfloat16)
    with torch.no_grad():
        wanted = own(x)
        for kind in _KINDS:
            if torch.equal(RMSNorm.apply(x, own.weight, _eps(module), kind), wanted):
                return kind
    return None
