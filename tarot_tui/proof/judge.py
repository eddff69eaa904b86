"""What the figures of a proof mean. Pure functions over numbers; nothing is loaded here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tarot_tui.locale import _

#: Mean KL divergence (nats) up to which a quantisation is as good as the trained model for every practical purpose,
#: and from which its answers noticeably differ. (llama.cpp, tools/quantize/README: q8_0 about 0.001, q4_k_m 0.01 to 0.05
#: for models of 7 B and more.)
NEAR, FAR = 0.01, 0.1
#: Share of positions at which the likeliest token is the same, below which greedy answers drift apart.
AGREE = 0.95


@dataclass(frozen=True)
class Position:
    """The likeliest tokens at one place of a text: id → natural logarithm of its probability."""

    logprobs: Mapping[int, float]

    @property
    def best(self) -> int:
        """The likeliest token."""
        return max(self.logprobs, key=self.logprobs.__getitem__)


def divergence(one: Position, other: Position) -> float:
    """The Kullback-Leibler divergence (nats) of ``other`` from ``one``, over the tokens that both list.

    All other tokens count as a single one; merging outcomes never raises a divergence, so this is a lower bound, and
    exact up to what the merged tail hides. 0 for equal distributions.
    """
    shared = one.logprobs.keys() & other.logprobs.keys()
    pairs = [(math.exp(one.logprobs[token]), math.exp(other.logprobs[token])) for token in shared]
    pairs.append((1 - sum(p for p, _q in pairs), 1 - sum(q for _p, q in pairs)))
    # Rounding may leave a little less than nothing in the tail.
    return max(0.0, sum(p * math.log(p / max(q, 1e-12)) for p, q in pairs if p > 1e-12))


@dataclass(frozen=True)
class Agreement:
    """positions: compared. kl: mean divergence (nats). worst: the largest. top1: share with the same likeliest token."""

    positions: int
    kl: float
    worst: float
    top1: float


def agreement(trained: Sequence[Position], served: Sequence[Position]) -> Agreement:
    """How far a served model is from the trained one. Raises ValueError for sequences of different lengths, or none."""
    found = [divergence(one, other) for one, other in zip(trained, served, strict=True)]
    same = sum(one.best == other.best for one, other in zip(trained, served, strict=True))
    if not found:
        raise ValueError("no positions")
    return Agreement(len(found), sum(found) / len(found), max(found), same / len(found))


def verdict(quants: Mapping[str, Agreement], *, prompts: bool, tokens: bool) -> str:
    """One sentence. ``quants``: by quantisation, in the release's order; may be empty when nothing was measured."""
    if not prompts:
        return _("The prompts differ: this model is not asked as it was trained.")
    if not tokens:
        return _("The tokens differ: this model reads other tokens than it was trained on.")
    if not quants:
        return _(
            "Prompts and tokens are those of the training; how much the quantisation costs was not measured."
        )
    far = [name for name, found in quants.items() if found.kl > FAR or found.top1 < AGREE]
    near = [name for name, found in quants.items() if found.kl <= NEAR and found.top1 >= AGREE]
    if not far:
        return (
            _("What is served is what was trained: prompts, tokens and answers agree.")
            if len(near) == len(quants)
            else _(
                "What is served is close to what was trained: prompts and tokens agree, probabilities nearly."
            )
        )
    if near:
        return _("Use {near}: {far} changes this model too much.").format(
            near=", ".join(near), far=", ".join(far)
        )
    return _("{far} changes this model too much: export it with --quant q8_0.").format(far=", ".join(far))
