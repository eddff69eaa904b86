"""The gated unit of an MLP, ``act(gate) × up``, as one autograd node.

It keeps gate and up; autograd keeps ``act(gate)`` as well, a fifth of what a layer keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import nn

from tarot_tui.training.engines.fused.standin import tried

Function = Callable[[torch.Tensor], torch.Tensor]
Gradient = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

#: The activations of language models, each with its derivative: (gradient of the result, input) → gradient of the input.
_ACTIVATIONS: tuple[tuple[Function, Gradient], ...] = (
    (nn.functional.silu, torch.ops.aten.silu_backward),
    (
        partial(nn.functional.gelu, approximate="tanh"),
        partial(torch.ops.aten.gelu_backward, approximate="tanh"),
    ),
    (nn.functional.gelu, torch.ops.aten.gelu_backward),
)


class Gated(torch.autograd.Function):
    """``act(gate) × up``, element by element."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor, which: int) -> torch.Tensor:
        """``gate`` and ``up`` of one shape; ``which`` of the activations."""
        ctx.save_for_backward(gate, up)
        ctx.which = which
        return _ACTIVATIONS[which][0](gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The activation is computed again: cheaper than keeping it."""
        (gradient,) = gradients
        gate, up = ctx.saved_tensors
        function, derivative = _ACTIVATIONS[ctx.which]
        return derivative(gradient * up, gate), function(gate).mul_(gradient), None


def fuse_mlps(model: nn.Module) -> int:
    """Let every gated MLP that computes just this compute it so; their number."""
    kinds: dict[type, tuple[Callable, int] | None] = {}
    count = 0
    for module in model.modules():
        if not hasattr(module, "down_proj"):
            continue
        if type(module) not in kinds:
            kinds[type(module)] = _kind_of(module)
        if found := kinds[type(module)]:
            forward, which = found
            module.forward = MethodType(partial(forward, which=which), module)
            count += 1
    return count


def _apart(self: Any, x: torch.Tensor, *, which: int) -> torch.Tensor:
    return self.down_proj(Gated.apply(self.gate_proj(x), self.up_proj(x), which))


def _together(self: Any, x: torch.Tensor, *, which: int) -> torch.Tensor:
    gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
    return self.down_proj(Gated.apply(gate, up, which))


def _kind_of(module: nn.Module) -> tuple[Callable, int] | None:
    """What computes the same as the class itself from the same projections; None when nothing here does."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 8, generator=generator)
    parts = {
        "gate_proj": lambda x: x * 1.5,
        "up_proj": lambda x: x.flip(-1),
        "gate_up_proj": lambda x: torch.cat([x * 1.5, x.flip(-1)], dim=-1),
        "down_proj": lambda x: x - 1,
    }
    for forward, names in ((_apart, ("gate_proj", "up_proj")), (_together, ("gate_up_proj",))):
        if not all(hasattr(module, name) for name in names):
            continue
        wanted = tried(type(module).forward, module, x, parts=parts)
        for which in range(len(_ACTIVATIONS)):
            found = tried(forward, module, x, parts=parts, which=which)
            if wanted is not None and torch.allclose(found, wanted):
                return forward, which
    return None
