"""In which order samples are learned, known before torch is loaded: so a run that ends within an epoch can be counted.

torch shuffles with ``randperm``, accelerate seeds it anew for every epoch; both are repeated here to the number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tarot_tui.training.recipe import Recipe

#: Words of the Mersenne twister's state, and the multiplier of its seeding (Matsumoto and Nishimura, ``init_genrand``).
_WORDS, _MULTIPLIER = 624, 1812433253


def permutation(count: int, seed: int) -> list[int]:
    """What ``torch.randperm(count)`` gives on a CPU after ``manual_seed(seed)``.

    Source: ``randperm_cpu`` of ATen, which swaps each place with one behind it that the generator's next 32 bits choose.
    """
    state = [seed & 0xFFFFFFFF]
    for place in range(1, _WORDS):
        state.append((_MULTIPLIER * (state[-1] ^ (state[-1] >> 30)) + place) & 0xFFFFFFFF)
    twister = random.Random()
    twister.setstate((3, (*state, _WORDS), None))
    order = list(range(count))
    for place in range(count - 1):
        other = place + twister.getrandbits(32) % (count - place)
        order[place], order[other] = order[other], order[place]
    return order


def epoch_order(recipe: Recipe, lengths: Sequence[int], epoch: int, processes: int = 1) -> list[int]:
    """In which order the samples of ``lengths`` are learned in an epoch, the first being 0.

    Source: ``SeedableRandomSampler`` of accelerate, which adds the number of the epoch to the seed. With
    ``group_by_length`` that order is changed within stretches of fifty steps (as in transformers' former
    ``LengthGroupedSampler``): like lengths come into one step, and the steps are shuffled again. ``processes``: among
    how many the recipe's step is already divided; the order is the same for any number of them.
    """
    order = permutation(len(lengths), recipe.seed + epoch)
    if not recipe.group_by_length:
        return order
    size = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps * processes
    shuffle = random.Random(recipe.seed + epoch).shuffle
    grouped: list[int] = []
    for begin in range(0, len(order), 50 * size):
        stretch = sorted(order[begin : begin + 50 * size], key=lambda index: -lengths[index])
        steps = [stretch[at : at + size] for at in range(0, len(stretch), size)]
        # The one that is not full stays last, where an epoch's last step may be short.
        rest = steps.pop() if len(stretch) % size else []
        shuffle(steps)
        grouped += [index for step in steps for index in step] + rest
    return grouped


def tokens_seen(recipe: Recipe, lengths: Sequence[int], steps: int, per_epoch: int) -> int:
    """Tokens, without padding, that pass through the model in so many optimiser steps over samples of ``lengths``."""
    whole, rest = divmod(steps, per_epoch) if per_epoch else (0, 0)
    seen = whole * sum(lengths)
    if rest:
        first = rest * recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
        seen += sum(lengths[index] for index in epoch_order(recipe, lengths, whole)[:first])
    return seen
