"""Samples of several datasets in one order, as LLaMA-Factory's ``mix_strategy`` has it.

The order is that of ``interleave_datasets`` of datasets 4.0.0, which LLaMA-Factory calls, random numbers included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def mixed(
    datasets: Sequence[Sequence[T]], strategy: str, probabilities: Sequence[float] | None, seed: int
) -> list[T]:
    """One list of all.

    strategy: ``concat``, one after the other; ``interleave_under``, in turn or by chance until the first dataset is
    used up; ``interleave_over``, until every one was, those that end sooner beginning anew. probabilities: the chance
    of each dataset, of any sum; None: each in turn.
    """
    datasets = [one for one in datasets if one] if probabilities is None else datasets
    if strategy == "concat" or len(datasets) < 2:
        return [sample for one in datasets for sample in one]
    over = strategy == "interleave_over"
    lengths = [len(one) for one in datasets]
    if probabilities is not None:
        return [datasets[source][at] for source, at in _by_chance(lengths, over, probabilities, seed)]
    rounds = max(lengths) if over else min(lengths)
    return [one[number % len(one)] for number in range(rounds) for one in datasets]


def _by_chance(
    lengths: list[int], over: bool, probabilities: Sequence[float], seed: int
) -> Iterator[tuple[int, int]]:
    """Which dataset, and which of its samples."""
    import numpy as np

    shares = np.asarray(probabilities, dtype=float)
    random = np.random.default_rng(seed)
    next_of, is_used_up = [0] * len(lengths), [length == 0 for length in lengths]
    done = all if over else any
    while True:
        for source in map(int, random.choice(len(lengths), size=1000, p=shares / shares.sum())):
            if done(is_used_up):
                return
            if not lengths[source]:
                continue
            yield source, next_of[source]
            next_of[source] += 1
            if next_of[source] == lengths[source]:
                is_used_up[source], next_of[source] = True, 0
