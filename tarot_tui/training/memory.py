"""How much memory a training will take at its peak, from shapes alone: nothing is loaded.

The parts, in bytes:

- ``weights``: the frozen base; in 4 bits 0.5 byte a weight plus 1/64 for the doubly quantised block constants, with
  embeddings, norms and head left in 16 bits (QLoRA, arXiv:2305.14314, §3); in 8 bits one byte a weight.
- ``lora``: 16 bytes a trainable weight: fp32 weight, gradient, and the two moments of Adam.
- ``activations``: what the backward pass needs, kept for every layer, or with gradient checkpointing only each
  layer's input and one layer whole (Chen et al., arXiv:1604.06174).
- ``logits``: scores over the whole vocabulary for the positions that have a label (:mod:`.engines.batches`): those in
  the model's precision and their gradient, and two of fp32 at a time (copy, log-softmax, gradient).
- ``context``: the interpreter with torch and its libraries, or the CUDA context with its workspaces.

Attention is taken to be the kind that never writes out its matrix (torch's SDPA).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.training.base import weights
from tarot_tui.training.device import Device, Precision
from tarot_tui.training.encode import Sample
from tarot_tui.training.recipe import Recipe

#: The estimate is right within this share, up or down, wherever it was measured (see tests/training/test_memory.py).
BAND = 0.25

_CONTEXT = {"cpu": 500_000_000, "cuda": 900_000_000}
#: Share of the activations that glibc's malloc still holds at the peak when checkpointing has freed them; measured.
_NOT_GIVEN_BACK = 0.4
_WIDTH = {"bf16": 2, "fp16": 2, "fp32": 4}


@dataclass(frozen=True)
class Shape:
    """A base model by its sizes: all ``parameters``, those in ``linear`` layers of blocks (module name → out, in),
    number of ``layers``, ``hidden`` width, ``queries`` and ``keys`` width, ``inner`` width of the MLP, ``vocabulary``,
    and the most ``positions`` of a text (0 when the configuration does not say)."""

    parameters: int
    linear: dict[str, tuple[int, int]]
    layers: int
    hidden: int
    queries: int
    keys: int
    inner: int
    vocabulary: int
    positions: int


@dataclass(frozen=True)
class Memory:
    """The estimate, by parts (bytes), and the least and most it may turn out to be."""

    weights: int
    lora: int
    activations: int
    logits: int
    context: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.weights + self.lora + self.activations + self.logits + self.context

    @property
    def low(self) -> int:
        """The least it may turn out to be."""
        return round(self.total * (1 - BAND))

    @property
    def high(self) -> int:
        """The most it may turn out to be."""
        return round(self.total * (1 + BAND))


def shape_of(base: Path) -> Shape:
    """The sizes of the model in ``base``, from ``config.json`` and the headers of its weights."""
    config = json.loads((base / "config.json").read_text("utf-8"))
    config = config.get("text_config") or config
    tensors = {name: shape for path in weights(base) for name, shape in _header(path).items()}
    hidden = int(config.get("hidden_size") or 0)
    heads = int(config.get("num_attention_heads") or 1)
    width = int(config.get("head_dim") or hidden // heads)
    return Shape(
        parameters=sum(math.prod(shape) for shape in tensors.values()),
        linear={
            name.removesuffix(".weight"): (shape[0], shape[1])
            for name, shape in tensors.items()
            if len(shape) == 2 and ".layers." in name and name.endswith(".weight")
        },
        layers=int(config.get("num_hidden_layers") or 1),
        hidden=hidden,
        queries=heads * width,
        keys=int(config.get("num_key_value_heads") or heads) * width,
        inner=int(config.get("intermediate_size") or 4 * hidden),
        vocabulary=int(config.get("vocab_size") or 0),
        positions=int(config.get("max_position_embeddings") or 0),
    )


def trainable(shape: Shape, recipe: Recipe) -> int:
    """Number of LoRA weights: rank × (inputs + outputs) of every targeted layer."""
    targets = recipe.lora_target
    return sum(
        recipe.lora_rank * (out + inside)
        for name, (out, inside) in shape.linear.items()
        if targets == ["all"] or name.rpartition(".")[2] in targets
    )


def estimate(
    shape: Shape, recipe: Recipe, samples: Sequence[Sample], precision: Precision, device: Device
) -> Memory:
    """The peak: a batch that holds the longest sample, padded to it."""
    longest = max((len(sample.input_ids) for sample in samples), default=0)
    shortest_prompt = min((sample.prompt for sample in samples), default=0)
    rows = min(recipe.per_device_train_batch_size, max(len(samples), 1))
    return Memory(
        weights=_weights(shape, recipe, precision),
        lora=16 * trainable(shape, recipe),
        activations=rows * longest * _per_token(shape, recipe, precision, device),
        logits=rows * max(longest - shortest_prompt, 0) * shape.vocabulary * _logit_bytes(precision),
        context=_CONTEXT[device.kind],
    )


def _weights(shape: Shape, recipe: Recipe, precision: Precision) -> int:
    width = _WIDTH[precision]
    packed = sum(out * inside for out, inside in shape.linear.values())
    if recipe.quantization_bit == 4:
        return round((shape.parameters - packed) * width + packed * (0.5 + 1 / 64))
    if recipe.quantization_bit == 8:
        return (shape.parameters - packed) * width + packed
    return shape.parameters * width


def _logit_bytes(precision: Precision) -> int:
    width = _WIDTH[precision]
    return 2 * width + 2 * 4


def _per_token(shape: Shape, recipe: Recipe, precision: Precision, device: Device) -> int:
    """Bytes that one token keeps for the backward pass, in all layers."""
    width = _WIDTH[precision]
    h, q, k, f = shape.hidden, shape.queries, shape.keys, shape.inner
    # RMSNorm twice: its input in fp32, normalised in fp32, and the result; residual sums.
    norms = 2 * (4 * h + 4 * h + width * h)
    # Projections see their input in 16 bits and, for LoRA, in fp32; rotary embedding; keys and values as wide as queries.
    attention = 3 * 4 * h + 4 * q + width * (2 * (q + k) + (q + 2 * k) + 4 * q)
    mlp = 2 * 4 * h + 4 * f + width * 4 * f
    layer = norms + attention + mlp
    if not recipe.gradient_checkpointing:
        return layer * shape.layers
    kept = width * h * shape.layers + layer
    return max(kept, round(_NOT_GIVEN_BACK * layer * shape.layers)) if device.kind == "cpu" else kept


def _header(path: Path) -> dict[str, list[int]]:
    """Name and shape of every tensor in a safetensors file."""
    with open(path, "rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
