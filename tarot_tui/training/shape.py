"""A base model by its sizes, read from its configuration and the headers of its weights: nothing is loaded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.training.base import weights


@dataclass(frozen=True)
class Shape:
    """A base model by its sizes: all ``parameters``, those in ``linear`` layers of blocks (module name → out, in) and
    those of ``other`` modules (name → number), number of ``layers`` and attention ``heads``, ``hidden`` width,
    ``queries`` and ``keys`` width, ``inner`` width of the MLP, ``vocabulary``, and the most ``positions`` of a text (0
    when the configuration does not say)."""

    parameters: int
    linear: dict[str, tuple[int, int]]
    other: dict[str, int]
    layers: int
    heads: int
    hidden: int
    queries: int
    keys: int
    inner: int
    vocabulary: int
    positions: int


def shape_of(base: Path) -> Shape:
    """The sizes of the model in ``base``, from ``config.json`` and the headers of its weights."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    config = config.get("text_config") or config
    tensors = {
        name.removesuffix(".weight"): shape for path in weights(base) for name, shape in _header(path).items()
    }
    hidden = int(config.get("hidden_size") or 0)
    heads = int(config.get("num_attention_heads") or 1)
    width = int(config.get("head_dim") or hidden // heads)
    linear = {
        name: (shape[0], shape[1])
        for name, shape in tensors.items()
        if len(shape) == 2 and ".layers." in name and not name.endswith(".bias")
    }
    return Shape(
        parameters=sum(math.prod(shape) for shape in tensors.values()),
        linear=linear,
        other={name: math.prod(shape) for name, shape in tensors.items() if name not in linear},
        layers=int(config.get("num_hidden_layers") or 1),
        heads=heads,
        hidden=hidden,
        queries=heads * width,
        keys=int(config.get("num_key_value_heads") or heads) * width,
        inner=int(config.get("intermediate_size") or 4 * hidden),
        vocabulary=int(config.get("vocab_size") or 0),
        positions=int(config.get("max_position_embeddings") or 0),
    )


def _header(path: Path) -> dict[str, list[int]]:
    """Name and shape of every tensor in a safetensors file."""
    with open(path, "rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
