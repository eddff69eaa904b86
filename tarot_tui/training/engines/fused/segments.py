"""Attention over a row of several texts, each seeing only itself; a batch needs no padding then.

Every model of transformers that takes its attention from ``AttentionInterface`` can use it. Where the texts of the row
in hand begin is said by :func:`row`; it reaches the layers as their attention mask, which also survives that
checkpointing calls them again in the backward pass. Without a row everything is as with ``sdpa``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from tarot_tui.training.engines.fused.blockwise import CausalAttention, Rule

#: What ``attn_implementation`` is called.
NAME = "segments"
#: The layers that :func:`attention` is right for, in transformers' words.
_LAYERS = {"full_attention", "sliding_attention"}

_row: ContextVar[torch.Tensor | None] = ContextVar("row", default=None)


def fits(model: nn.Module) -> bool:
    """Whether every layer of a causal language model attends as :func:`attention` does, wherever its texts begin."""
    config = model.config
    return (
        getattr(model, "_supports_attention_backend", False)
        and "position_ids" in inspect.signature(type(model).forward).parameters
        # No second model beside the language model, no state that runs on from one text into the next.
        and config.get_text_config() is config
        and not getattr(config, "is_encoder_decoder", False)
        and not getattr(model, "_is_stateful", False)
        and set(getattr(config, "layer_types", None) or ()) <= _LAYERS
        and not getattr(config, "attention_dropout", 0)
        and not any("sink" in name for name, _weight in model.named_parameters())
    )


@contextmanager
def row(lengths: torch.Tensor | None) -> Iterator[None]:
    """While it lasts, the model sees a row of texts of these ``lengths``, (texts,); None for a text a row."""
    token = _row.set(None if lengths is None else nn.functional.pad(lengths.cumsum(0), (1, 0)).int())
    try:
        yield
    finally:
        _row.reset(token)


def begins() -> torch.Tensor | None:
    """Where each text of the row in hand begins, and where the last ends, (texts + 1,); None without a row."""
    return _row.get()


def attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers asks for it: query (1, heads, tokens, width) → (1, tokens, heads, width), and no weights."""
    if attention_mask is None or attention_mask.ndim != 1:
        if softcap:
            rule = Rule(scaling or query.shape[-1] ** -0.5, cap=softcap)
            return _written_out(query, key, value, attention_mask, rule), None
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    rule = Rule(scaling or query.shape[-1] ** -0.5, sliding_window or 0, softcap or 0.0)
    # Rotary embeddings may be computed in more than the model's precision.
    query, key, value = (part[0].to(value.dtype) for part in (query, key, value))
    if query.is_cuda and not rule.cap and _has_kernel(query, value):
        return _in_one_kernel(query, key, value, attention_mask, rule).unsqueeze(0), None
    texts = _numbers(attention_mask)
    plain = not rule.cap and not 0 < rule.window < _longest(attention_mask)
    if query.is_cuda and plain:
        return _text_by_text(query, key, value, texts, rule).unsqueeze(0), None
    return CausalAttention.apply(query, key, value, texts, rule).unsqueeze(0), None


def _has_kernel(query: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether torch's own FlashAttention for rows of texts can be used: from torch 2.10 and Ampere on."""
    return (
        find_spec("torch.nn.attention.varlen") is not None
        and value.dtype in (torch.bfloat16, torch.float16)
        and query.shape[-1] == value.shape[-1] <= 256
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )


def _in_one_kernel(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, boundaries: torch.Tensor, rule: Rule
) -> torch.Tensor:
    """(tokens, heads, width), all texts at once."""
    from torch.nn.attention.varlen import varlen_attn

    longest = _longest(boundaries)
    return varlen_attn(
        query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), boundaries, boundaries, longest, longest,
        scale=rule.scale, window_size=(rule.window - 1 if rule.window else -1, 0),
        enable_gqa=query.shape[0] != key.shape[0],
    )  # fmt: skip


def _text_by_text(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: list[int], rule: Rule
) -> torch.Tensor:
    """(tokens, heads, width), by torch's kernels for one text, of which older GPUs too have fast ones."""
    found = [
        nn.functional.scaled_dot_product_attention(
            query[None, :, begin:end], key[None, :, begin:end], value[None, :, begin:end],
            is_causal=True, scale=rule.scale, enable_gqa=query.shape[0] != key.shape[0],
        )
        for begin, end in pairwise(texts)
    ]  # fmt: skip
    return torch.cat(found, dim=2)[0].transpose(0, 1)


def _written_out(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, rule: Rule
) -> torch.Tensor:
    """(batch, tokens, heads, width): what torch has no kernel for. ``mask`` (batch, 1, queries, keys) says what is seen."""
    group = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(group, 1).transpose(2, 3) * rule.scale
    scores = torch.tanh(scores / rule.cap) * rule.cap
    if mask is None:  # transformers leaves out the one that is plainly causal
        queries, keys = scores.shape[-2:]
        mask = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).tril(keys - queries)
    shares = scores.float().masked_fill(~mask, torch.finfo(torch.float32).min).softmax(-1).to(value.dtype)
    return (shares @ value.repeat_interleave(group, 1)).transpose(1, 2).contiguous()


def _numbers(boundaries: torch.Tensor) -> list[int]:
    """The boundaries; read back from the device once a row, not in every layer."""
    if not hasattr(boundaries, "numbers"):
        boundaries.numbers = boundaries.tolist()
    return boundaries.numbers


def _longest(boundaries: torch.Tensor) -> int:
    """Tokens of the longest text."""
    return max(end - begin for begin, end in pairwise(_numbers(boundaries)))


def _mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    boundaries = _row.get()
    return sdpa_mask(*args, **kwargs) if boundaries is None else boundaries


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, _mask)
