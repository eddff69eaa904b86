"""The weight of a frozen linear layer as floating point numbers, also where bitsandbytes keeps it in 4 or 8 bits."""

from __future__ import annotations

import torch
from torch import nn


def is_quantised(base: nn.Module) -> bool:
    """Whether ``base`` is a linear layer of bitsandbytes whose weight :func:`dense` gives."""
    return _bits(base) is not None


def dense(base: nn.Module, dtype: torch.dtype) -> torch.Tensor:
    """The weight (outputs, inputs) of a linear layer in ``dtype``."""
    bits = _bits(base)
    if bits is None:
        return base.weight.to(dtype)
    from bitsandbytes import functional

    if bits == 4:
        # FSDP makes the weight a plain parameter; the layer still knows how it was quantised.
        state = getattr(base.weight, "quant_state", None) or base.quant_state
        return functional.dequantize_4bit(base.weight.data, state).to(dtype)
    # bitsandbytes moves both from the weight to its state at the layer's own first forward pass, which is not ours.
    rows = base.state.CB if base.state.CB is not None else base.weight.data
    scales = base.state.SCB if base.state.SCB is not None else base.weight.SCB
    return functional.int8_vectorwise_dequant(rows, scales).to(dtype)


def _bits(base: nn.Module) -> int | None:
    # By name: bitsandbytes takes a second to import and need not be there.
    if type(base).__module__ != "bitsandbytes.nn.modules":
        return None
    return {"Linear4bit": 4, "Linear8bitLt": 8}.get(type(base).__name__)
