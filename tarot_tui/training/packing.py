"""Which samples are learned together: known before torch is loaded, so that plan and worker count the same steps."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from tarot_tui.training.encode import Sample
from tarot_tui.training.recipe import Recipe

#: What a training draws: a sample, or several that are learned together.
Item = Sample | tuple[Sample, ...]


def items(recipe: Recipe, samples: Sequence[Sample]) -> list[Item]:
    """What the training draws from: with ``packing`` as many samples together as cutoff_len holds, else each alone."""
    if not recipe.packed:
        return list(samples)
    packs = packed([len(sample.input_ids) for sample in samples], recipe.cutoff_len)
    return [tuple(samples[index] for index in pack) for pack in packs]


def samples_of(item: Item) -> tuple[Sample, ...]:
    """The samples of an item, one or more."""
    return (item,) if isinstance(item, Sample) else item


def tokens(item: Item) -> int:
    """Tokens of all samples of an item."""
    return sum(len(sample.input_ids) for sample in samples_of(item))


def packed(lengths: Sequence[int], room: int) -> list[list[int]]:
    """The indices of ``lengths`` in groups, the sum of none above ``room``: the longest first, each where it fits best.

    Best-fit decreasing needs at most 11/9 of the fewest possible groups, and one (Johnson et al., 1974,
    doi:10.1137/0203025). A length above ``room`` is a group of its own. Always the same for the same lengths.
    """
    groups: list[list[int]] = []
    # (room left, group), sorted: the first that is large enough is the one that fits best.
    open_groups: list[tuple[int, int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        place = bisect_left(open_groups, (lengths[index], 0))
        if place < len(open_groups):
            left, group = open_groups.pop(place)
        else:
            left, group = room, len(groups)
            groups.append([])
        groups[group].append(index)
        insort(open_groups, (left - lengths[index], group))
    return groups
