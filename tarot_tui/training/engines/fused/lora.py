"""A linear layer with LoRA beside it as one autograd node.

peft's way keeps the layer's input twice, in the base's precision and in that of the matrices, and takes both
precisions' sums apart. Here everything is computed in the precision of the input; only the gradients of the matrices
are given in theirs. A base in 4 or 8 bits is dequantised in the forward pass and again in the backward pass, as
bitsandbytes does.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import nn

from tarot_tui.training.engines.fused.quantised import dense, is_quantised


class LoraLinear(torch.autograd.Function):
    """``x Wᵀ + b + scale × (x Aᵀ) Bᵀ``, with W and b frozen.

    Shapes: x (…, inputs), A (rank, inputs), B (outputs, rank); ``base`` is the layer that holds W.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, base: nn.Module, scale: float
    ) -> torch.Tensor:
        """Keeps x, the matrices and x Aᵀ."""
        rows = x.reshape(-1, x.shape[-1])
        inner = rows @ a.to(x.dtype).t()
        weight = dense(base, x.dtype)
        result = nn.functional.linear(rows, weight, None if base.bias is None else base.bias.to(x.dtype))
        result.addmm_(inner, (b * scale).to(x.dtype).t())
        # What is dequantised is not worth its place.
        ctx.save_for_backward(rows, a, b, inner, *([] if is_quantised(base) else [weight]))
        ctx.base, ctx.scale, ctx.shape = base, scale, x.shape
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of x, A and B."""
        rows, a, b, inner, *weight = ctx.saved_tensors
        found = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_inner = found @ (b * ctx.scale).to(found.dtype)
        of_b = (found.t() @ inner).to(b.dtype).mul_(ctx.scale)
        of_a = (of_inner.t() @ rows).to(a.dtype)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = found @ (weight[0] if weight else dense(ctx.base, found.dtype))
            of_x = of_x.addmm_(of_inner, a.to(found.dtype)).view(ctx.shape)
        return of_x, of_a, of_b, None, None


def fuse_lora(model: nn.Module) -> tuple[int, int]:
    """Let every LoRA layer compute itself so that can; how many do, and how many are left as peft has them."""
    from peft.tuners.lora import LoraLayer

    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    fused = [layer for layer in layers if _is_plain(layer)]
    for layer in fused:
        layer.forward = MethodType(_forward, layer)
    return len(fused), len(layers) - len(fused)


def _forward(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if self.disable_adapters or self.merged or args or kwargs or len(self.active_adapters) != 1:
        return type(self).forward(self, x, *args, **kwargs)
    (name,) = self.active_adapters
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    with torch.autocast(kind, enabled=False):  # inside the node everything has this one precision
        return LoraLinear.apply(
            x, self.lora_A[name].weight, self.lora_B[name].weight, self.base_layer, self.scaling[name]
        )


def _is_plain(layer: Any) -> bool:
    """One adapter, a linear layer, no dropout, no variant such as DoRA, and nothing trained but the two matrices."""
    base = layer.base_layer
    if not (type(base) is nn.Linear or is_quantised(base)) or len(layer.active_adapters) != 1:
        return False
    (name,) = layer.active_adapters
    return (
        list(layer.lora_A) == [name]
        and isinstance(layer.lora_dropout[name], nn.Identity)
        and name not in layer.lora_variant
        and layer.lora_A[name].bias is None
        and layer.lora_B[name].bias is None
        and not any(parameter.requires_grad for parameter in base.parameters())
    )
