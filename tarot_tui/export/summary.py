"""A plan in words: what an export will do to which tensors, in groups that a person can read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tarot_tui.export.adapter import Weighted
from tarot_tui.export.forms import Change
from tarot_tui.export.llama_quantize import estimate
from tarot_tui.export.plan import Plan, planned
from tarot_tui.export.safetensors_file import ITEM_SIZE, Checkpoint
from tarot_tui.locale import _


@dataclass(frozen=True)
class Group:
    """Tensors to which the same happens. pattern: their name, layers and experts as ``*``. size: their bytes after."""

    pattern: str
    what: str
    count: int
    size: int

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"tensors": self.pattern, "what": self.what, "count": self.count, "bytes": self.size}


@dataclass(frozen=True)
class Preview:
    """What an export would do.

    sizes: bytes by quantisation (estimated), and ``merged`` for a merged folder (exact). shapes: of all tensors.
    """

    groups: list[Group]
    sizes: dict[str, int]
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"changes": [group.as_dict() for group in self.groups], "bytes": self.sizes}


def preview(base: Path, adapters: Sequence[Weighted], quants: Sequence[str], merge: bool) -> Preview:
    """Make the plan and write nothing. Raises what the export itself would refuse with."""
    with planned(base, adapters) as (checkpoint, plan, _config):
        groups = describe(plan, checkpoint)
        shapes = [checkpoint[plan.source(name)].shape for name in (*checkpoint, *plan.added)]
        sizes = {quant: estimate(quant, shapes) for quant in quants}
        if merge:
            sizes["merged"] = sum(group.size for group in groups)
        return Preview(groups, sizes, shapes)


def describe(plan: Plan, base: Checkpoint) -> list[Group]:
    """What ``plan`` does to the tensors of ``base``, in their order; last, what is copied as it is."""
    counts: dict[tuple[str, str], list[int]] = {}
    copied = [0, 0]
    for name in (*base, *plan.added):
        tensor, change = base[plan.source(name)], plan.changes.get(name)
        shape = change.replacement.shape if change and change.replacement else tensor.shape
        if change is None:
            count = copied
        else:
            key = (_pattern(name), "; ".join(_words(name, change, plan, base)))
            count = counts.setdefault(key, [0, 0])
        count[0] += 1
        count[1] += math.prod(shape) * ITEM_SIZE[tensor.dtype]
    groups = [Group(pattern, what, *count) for (pattern, what), count in counts.items()]
    return [*groups, Group("*", _("copied as they are"), *copied)] if copied[0] else groups


def _pattern(name: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name)


def _words(name: str, change: Change, plan: Plan, base: Checkpoint) -> Iterator[str]:
    if name in plan.added:
        yield _("a tensor of its own from here on: the adapter parts it from the embedding")
    if change.replacement:
        before, after = base[plan.source(name)].shape, change.replacement.shape
        if before == after:
            yield _("replaced as a whole")
        else:
            yield _("replaced as a whole, with {after} rows instead of {before}").format(
                after=after[0], before=before[0]
            )
    for product in change.products:
        rank = product.a.shape[0] // product.experts
        yield _("a product of rank {rank} added, times {scale}").format(
            rank=rank, scale=f"{product.scale:.4g}"
        )
    if change.magnitude:
        yield _("brought to the lengths that DoRA learned")
    for _vector, scale in change.vectors:
        yield _("a vector added, times {scale}").format(scale=f"{scale:.4g}")
    for at, _rows in change.tokens:
        yield _("the rows of {count} trained tokens replaced").format(count=len(at))
