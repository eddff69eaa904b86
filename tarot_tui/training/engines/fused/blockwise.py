"""Causal attention of texts in a row as one autograd node, some queries at a time.

The scores of a block fit the processor's cache, and only the past is looked at. They are computed again in the
backward pass, so nothing as long as the square of the text is ever kept (Dao et al., arXiv:2205.14135, §3.1). On
processors without matrix units for fp32 this is two to three times as fast as torch's own kernel, which multiplies in
fp32; products are rounded to the precision of the inputs, as in transformers' eager attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

#: Bytes of a block of scores in fp32, about: on a processor a core's second cache, on a GPU enough to be busy with.
_BLOCK_BYTES = {"cpu": 1 << 20, "cuda": 256 << 20}


@dataclass(frozen=True)
class Rule:
    """scale: of the scores. window: how many tokens, itself included, a token sees; 0 for all before it.
    cap: bends the scores to ``cap × tanh(score / cap)`` (Gemma 2); 0 for none."""

    scale: float
    window: int = 0
    cap: float = 0.0


class CausalAttention(torch.autograd.Function):
    """softmax(scale × Q Kᵀ) V over a row of texts, where a token sees itself and what is before it in its text.

    q (heads, tokens, width); k, v (kv_heads, tokens, width), each shared by a group of heads; ``boundaries`` from 0 to
    the number of tokens. → (tokens, heads, width)
    """

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, boundaries: Sequence[int], rule: Rule
    ) -> torch.Tensor:
        """Keeps only its inputs."""
        ctx.save_for_backward(q, k, v)
        ctx.boundaries, ctx.rule = boundaries, rule
        result = q.new_empty(q.shape[1], q.shape[0], v.shape[-1])
        by_head = result.transpose(0, 1)
        for text in map(slice, boundaries, boundaries[1:]):
            _forward(q[:, text], k[:, text].contiguous(), v[:, text].contiguous(), by_head[:, text], rule)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Text by text, block by block."""
        q, k, v = ctx.saved_tensors
        found = gradients[0].transpose(0, 1)
        # As they lie in memory, so that whoever made them of rows of tokens need not turn them round.
        of_q, of_k, of_v = (torch.empty_like(part) for part in (q, k, v))
        for text in map(slice, ctx.boundaries, ctx.boundaries[1:]):
            into = (of_q[:, text], of_k[:, text], of_v[:, text])
            _backward(
                found[:, text], q[:, text], k[:, text].contiguous(), v[:, text].contiguous(), into, ctx.rule
            )
        return of_q, of_k, of_v, None, None


def _forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, into: torch.Tensor, rule: Rule) -> None:
    """One text; the result goes ``into`` (heads, length, width)."""
    grouped, out = _grouped(q, k), _grouped(into, k)
    for block in _blocks(q, rule):
        shares, _bent = _shares(grouped, k, block, rule)
        found = torch.bmm(shares.to(v.dtype), v[:, block.keys])
        out[:, :, block.queries] = found.view(*out.shape[:2], -1, out.shape[-1])


def _backward(
    gradient: torch.Tensor,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    into: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    rule: Rule,
) -> None:
    """One text; the gradients of q, k and v go ``into``. What several blocks give to one key is summed up in fp32."""
    of_k, of_v = (torch.zeros_like(part, dtype=torch.float32) for part in (k, v))
    grouped, gradient, of_q = _grouped(q, k), _grouped(gradient, k), _grouped(into[0], k)
    for block in _blocks(q, rule):
        shares, bent = _shares(grouped, k, block, rule)
        shares, queries, found = shares.to(v.dtype), _rows(grouped, block), _rows(gradient, block)
        of_v[:, block.keys] += torch.bmm(shares.transpose(1, 2), found)
        of_shares = torch.bmm(found, v[:, block.keys].transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
        if bent is not None:
            of_scores = of_scores * (1 - (bent / rule.cap).square()).to(of_scores.dtype)
        of_queries = _scaled(of_scores, k[:, block.keys], rule.scale)
        of_q[:, :, block.queries] = of_queries.view(*of_q.shape[:2], -1, of_q.shape[-1])
        of_k[:, block.keys].add_(torch.bmm(of_scores.transpose(1, 2), queries), alpha=rule.scale)
    into[1].copy_(of_k)
    into[2].copy_(of_v)


@dataclass(frozen=True)
class _Block:
    """Some queries and all keys that any of them sees."""

    queries: slice
    keys: slice


def _blocks(q: torch.Tensor, rule: Rule) -> Iterator[_Block]:
    heads, length, _width = q.shape
    room = _BLOCK_BYTES.get(q.device.type, 256 << 20)
    size = max(room // (4 * heads * length) // 16 * 16, 32)
    for begin in range(0, length, size):
        end = min(begin + size, length)
        yield _Block(slice(begin, end), slice(max(begin - rule.window + 1, 0) if rule.window else 0, end))


def _shares(
    grouped: torch.Tensor, k: torch.Tensor, block: _Block, rule: Rule
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """How much of each key a query takes, (kv_heads, group × queries, keys) in fp32; with a cap the bent scores too."""
    scores = _scaled(_rows(grouped, block), k[:, block.keys].transpose(1, 2), rule.scale).float()
    bent = scores.div_(rule.cap).tanh_().mul_(rule.cap).clone() if rule.cap else None
    count = block.queries.stop - block.queries.start
    # What is before the first query is seen by all, unless there is a window.
    seen_by_all = 0 if rule.window else block.queries.start
    scores.view(k.shape[0], -1, count, scores.shape[-1])[..., seen_by_all:] += _hidden(
        block, seen_by_all, rule, scores.device
    )
    return torch.softmax(scores, -1), bent


def _hidden(block: _Block, first: int, rule: Rule, device: torch.device) -> torch.Tensor:
    """-inf where a query does not see a key, 0 where it does: (queries, keys from ``first`` on)."""
    rows = torch.arange(block.queries.start, block.queries.stop, device=device).unsqueeze(1)
    columns = torch.arange(block.keys.start + first, block.keys.stop, device=device)
    hidden = columns > rows
    if rule.window:
        hidden |= columns <= rows - rule.window
    return torch.zeros(hidden.shape, device=device).masked_fill_(hidden, -torch.inf)


def _scaled(a: torch.Tensor, b: torch.Tensor, scale: float) -> torch.Tensor:
    return torch.baddbmm(a.new_empty(()), a, b, beta=0, alpha=scale)


def _grouped(x: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """(heads, length, width) seen as (kv_heads, group, length, width)."""
    return x.view(k.shape[0], -1, *x.shape[1:])


def _rows(grouped: torch.Tensor, block: _Block) -> torch.Tensor:
    """A block's queries of all heads of a group below each other: (kv_heads, group × queries, width)."""
    return grouped[:, :, block.queries].flatten(1, 2)
