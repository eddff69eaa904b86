"""LoRA on the experts of a mixture (peft's ``target_parameters``), in fused checkpoints and in those by expert.

peft trains one pair of factors for a whole stack of experts. Checkpoints hold the stack as one tensor, or every
expert's matrices apart, in which case gate and up projection are two halves of what peft calls ``gate_up_proj``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tarot_tui.export.adapter import Adapter
from tarot_tui.export.products import Layout, LowRank, Stored

#: Models whose fused experts are stored (experts, in, out); the others are (experts, out, in). Only a square matrix
#: needs the name: ``use_experts_implementation(is_transposed=True)`` in transformers.
_TRANSPOSED_MODELS = {"gpt_oss", "aria", "aria_text", "openai_privacy_filter"}
_GATES, _UPS, _DOWNS = ("gate_proj", "w1"), ("up_proj", "w3"), ("down_proj", "w2")


def expert_products(
    adapter: Adapter,
    module: str,
    a: Stored,
    b: Stored,
    shapes: Mapping[str, tuple[int, ...]],
    model_type: str,
) -> dict[str, LowRank]:
    """Checkpoint tensor → its part of the pair ``a``, ``b`` that was trained on ``module``; empty when none fits.

    peft wraps the parameters of one module around each other (``experts.base_layer.base_layer``) without naming
    them; shapes tell them apart.
    """
    if len(a.shape) != 2 or len(b.shape) != 2:
        return {}
    stack = re.sub(r"(\.base_layer)+$", "", module)
    fused = dict(_fused(adapter, stack, a, b, shapes, model_type))
    return fused or dict(_by_expert(adapter, stack, a, b, shapes))


def _fused(
    adapter: Adapter,
    stack: str,
    a: Stored,
    b: Stored,
    shapes: Mapping[str, tuple[int, ...]],
    model_type: str,
) -> Iterator[tuple[str, LowRank]]:
    straight, turned = (b.shape[0], a.shape[1]), (a.shape[1], b.shape[0])
    for name, shape in shapes.items():
        parameter = name.removeprefix(f"{stack}.")
        if (
            parameter == name
            or len(shape) != 3
            or a.shape[0] % shape[0]
            or shape[1:] not in (straight, turned)
        ):
            continue
        transposed = model_type in _TRANSPOSED_MODELS if straight == turned else shape[1:] == turned
        layout = Layout.STACK_TRANSPOSED if transposed else Layout.STACK
        scale = adapter.scale(f"{stack}.{parameter}", a.shape[0] // shape[0])
        yield name, LowRank(a, b, scale, layout, shape[0])


def _by_expert(
    adapter: Adapter, stack: str, a: Stored, b: Stored, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, LowRank]]:
    found = dict(_members(stack, shapes))
    count = len({expert for expert, _kind in found.values()})
    if not count or a.shape[0] % count:
        return
    rank = a.shape[0] // count
    for name, (expert, kind) in found.items():
        rows, columns = shapes[name]
        if columns != a.shape[1]:
            continue
        if kind in _DOWNS and b.shape[0] == rows:
            scale, first = adapter.scale(f"{stack}.down_proj", rank), 0
        elif kind not in _DOWNS and b.shape[0] == 2 * rows:
            scale, first = adapter.scale(f"{stack}.gate_up_proj", rank), rows if kind in _UPS else 0
        else:
            continue
        yield name, LowRank(a, b, scale, Layout.STACK, count, (expert, first, rows))


def _members(stack: str, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, tuple[int, str]]]:
    """The matrices of the experts in ``stack``: name → (expert, kind). Mixtral's blocks have a name of their own."""
    root = stack.removesuffix(".mlp.experts")
    pattern = re.compile(
        rf"{re.escape(root)}\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.({'|'.join(_GATES + _UPS + _DOWNS)})\.weight"
    )
    for name, shape in shapes.items():
        if (match := pattern.fullmatch(name)) and len(shape) == 2:
            yield name, (int(match[1]), match[2])
