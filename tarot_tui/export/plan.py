"""What adapters do to which tensor of their base: a plan, made before a byte is written.

Every tensor of an adapter is used by the plan, or the export is refused and the tensor named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import Refused
from tarot_tui.export.adapter import Adapter, Weighted, check_base
from tarot_tui.export.forms import Change, Changes, combine, read_forms
from tarot_tui.export.products import Layout
from tarot_tui.export.safetensors_file import FLOATS, Checkpoint
from tarot_tui.locale import _
from tarot_tui.text import one_line

_HEAD = "lm_head.weight"
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight")


@dataclass
class Plan:
    """All changes of one export, by the tensor's name in the base.

    untied: the embedding that a new ``lm_head.weight`` starts from, when the adapter breaks the tie.
    parted: the base said that the two are one, and in the result they are not.
    vocabulary: the new number of rows of the embedding, when the adapter brings a resized one.
    """

    changes: Changes = field(default_factory=dict)
    untied: str | None = None
    parted: bool = False
    vocabulary: int | None = None

    def source(self, name: str) -> str:
        """The tensor of the base that the tensor ``name`` of the result starts from."""
        return self.untied if self.untied and name == _HEAD else name

    @property
    def added(self) -> tuple[str, ...]:
        """Tensors of the result that the base has not."""
        return (_HEAD,) if self.untied else ()

    def config(self, config: dict[str, Any]) -> dict[str, Any]:
        """The base's ``config.json`` as the result needs it."""
        changed = json.loads(json.dumps(config))
        if self.parted:
            changed["tie_word_embeddings"] = False
        if self.vocabulary:
            holder = changed.get("text_config") if "vocab_size" not in changed else changed
            (changed if holder is None else holder)["vocab_size"] = self.vocabulary
        return changed


@contextmanager
def planned(base: Path, adapters: Sequence[Weighted]) -> Iterator[tuple[Checkpoint, Plan, dict[str, Any]]]:
    """Open ``base`` and ``adapters`` and yield the base's tensors, the plan, and the ``config.json`` of the result.

    Raises BadInput for what is missing, Refused for what is damaged or cannot be merged exactly.
    """
    config = check_base(base)
    with ExitStack() as stack:
        checkpoint = stack.enter_context(Checkpoint(base))
        opened = [stack.enter_context(Adapter(one.folder, one.weight)) for one in adapters]
        plan = make_plan(checkpoint, opened, config)
        yield checkpoint, plan, plan.config(config)


def make_plan(base: Checkpoint, adapters: Sequence[Adapter], config: dict[str, Any]) -> Plan:
    """What ``adapters`` do together to ``base`` (whose ``config.json`` is ``config``).

    Raises Refused, naming the tensor, for whatever has no place or cannot be merged exactly.
    """
    shapes = {name: base[name].shape for name in base}
    model_type = str(config.get("model_type", ""))

    def read(adapter: Adapter) -> Changes:
        changes = read_forms(adapter, shapes, model_type)
        _forget_copies(changes, base)
        return changes

    changes = combine(adapters, read)
    plan = Plan(dict(sorted(changes.items())))
    _settle_tie(plan, base, config)
    for name, change in plan.changes.items():
        _check(name, change, plan, base)
    _settle_vocabulary(plan, base)
    return plan


def _forget_copies(changes: Changes, base: Checkpoint) -> None:
    """peft saves the weight of a targeted embedding or output layer beside its LoRA; the base's own, if equal, serves."""
    for name, change in changes.items():
        copy, own = change.replacement, _embedding(base) if name == _HEAD and name not in base else name
        if copy and change.products and own in base and {copy.dtype, base[own].dtype} <= set(FLOATS):
            change.replacement = None if base.where[own].same(own, copy.file, copy.name) else copy


def _embedding(base: Checkpoint) -> str | None:
    return next((name for name in base if name.endswith(_EMBEDDINGS)), None)


def _settle_tie(plan: Plan, base: Checkpoint, config: dict[str, Any]) -> None:
    """Where embedding and ``lm_head`` are one tensor, decide whether they still are, as in the unmerged model.

    peft's own merge writes both changes into the one tensor and is wrong (peft #2018, transformers #45127); here the
    result gets a ``lm_head`` of its own when the two are no longer equal. What peft does to the one weight before
    LoRA counts for both sides: the rows of trained tokens, and the resized weight saved with a targeted layer.
    """
    text = config.get("text_config") or {}
    # The library's default, which configurations may leave out, is to tie.
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", True))
    embedding = _embedding(base)
    if not tied or embedding is None:
        return
    input_side, output_side = plan.changes.get(embedding), plan.changes.get(_HEAD)
    if input_side is None and output_side is None:
        return
    input_side, output_side = _beneath(input_side, output_side), _beneath(output_side, input_side)
    plan.parted = not _equal(input_side, output_side)
    if input_side != Change():
        plan.changes[embedding] = input_side
    if _HEAD in base:  # tied and nevertheless stored twice
        if output_side != Change():
            plan.changes[_HEAD] = output_side
    elif plan.parted:
        plan.untied = embedding
        plan.changes[_HEAD] = output_side
    else:
        plan.changes.pop(_HEAD, None)


def _beneath(one: Change | None, other: Change | None) -> Change:
    """One side of a tie, on the weight that both share."""
    one, other = one or Change(), other or Change()
    tokens = one.tokens or other.tokens
    shared = other.replacement if other.products else None  # a module saved for itself comes without products
    return replace(one, tokens=tokens, replacement=one.replacement or shared)


def _equal(one: Change, other: Change) -> bool:
    """Whether two changes of the same tensor come to the same."""
    if one == other:
        return True
    if one.magnitude or other.magnitude:
        return False
    if bool(one.replacement) != bool(other.replacement) or len(one.products) != len(other.products):
        return False
    if one.replacement and other.replacement and not one.replacement.same(other.replacement):
        return False
    if [at for at, _rows in one.tokens] != [at for at, _rows in other.tokens]:
        return False
    if not all(rows.same(more) for (_a, rows), (_b, more) in zip(one.tokens, other.tokens, strict=True)):
        return False
    return all(
        p.scale == q.scale and all(np.array_equal(f, g) for f, g in zip(_sides(p), _sides(q), strict=True))
        for p, q in zip(one.products, other.products, strict=True)
    )


def _sides(product: Any) -> tuple[np.ndarray, np.ndarray]:
    a, b = product.a.read(), product.b.read()
    return (b, a) if product.layout is Layout.LINEAR else (a.T, b.T)


def _check(name: str, change: Change, plan: Plan, base: Checkpoint) -> None:
    source = plan.source(name)
    if source not in base:
        raise Refused(
            _(
                "The adapter changes '{tensor}', which the base in {folder} does not have: is it the base "
                "this was trained on?"
            ).format(tensor=one_line(name), folder=base.folder)
        )
    tensor = base[source]
    dtypes = [tensor.dtype, *(stored.dtype for stored in change.stored)]
    if other := [dtype for dtype in dtypes if dtype not in FLOATS]:
        raise Refused(
            _("'{tensor}' is of type {dtype}, which cannot be merged into.").format(
                tensor=one_line(name), dtype=one_line(other[0], 20)
            )
        )
    if not _fits(name, change, tensor.shape):
        raise Refused(
            _(
                "The adapter does not fit '{tensor}' of the base in {folder} (shape {shape}): is it the base "
                "this was trained on?"
            ).format(tensor=one_line(name), folder=base.folder, shape="×".join(map(str, tensor.shape)))
        )


def _fits(name: str, change: Change, base: tuple[int, ...]) -> bool:
    shape = change.replacement.shape if change.replacement else base
    if shape != base and not (_is_vocabulary(name) and len(shape) == 2 and shape[1:] == base[1:]):
        return False
    if any(product.shape != shape for product in change.products):
        return False
    if any(vector.shape != shape for vector, _scale in change.vectors):
        return False
    if change.magnitude:
        length = shape[0 if change.products[0].layout is Layout.LINEAR else -1]
        if int(np.prod(change.magnitude.shape)) != length:
            return False
    return all(
        rows.shape == (len(at), *shape[1:]) and max(at, default=0) < shape[0] for at, rows in change.tokens
    )


def _is_vocabulary(name: str) -> bool:
    return name.endswith((*_EMBEDDINGS, _HEAD))


def _settle_vocabulary(plan: Plan, base: Checkpoint) -> None:
    """A resized vocabulary must be resized on both sides, or the result could not be loaded."""
    rows = {}
    for name in (*base, *plan.added):
        if _is_vocabulary(name):
            replacement = plan.changes.get(name, Change()).replacement
            rows[name] = (replacement or base[plan.source(name)]).shape[0]
    if len(set(rows.values())) > 1:
        raise Refused(
            _(
                "The adapter resizes the vocabulary of '{tensor}' only; embedding and lm_head must agree."
            ).format(
                tensor=one_line(max(rows, key=lambda name: rows[name] != base[plan.source(name)].shape[0]))
            )
        )
    for name, count in rows.items():
        if count != base[plan.source(name)].shape[0]:
            plan.vocabulary = count
