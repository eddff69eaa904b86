"""How much memory a training will take at its peak, from shapes alone: nothing is loaded.

The parts, in bytes:

- ``weights``: the frozen base; in 4 bits 0.5 byte a weight plus 1/64 for the doubly quantised block constants, with
  embeddings, norms and head left in 16 bits (QLoRA, arXiv:2305.14314, §3); in 8 bits one byte a weight. With full
  fine-tuning, the copy in 16 bits that autocast computes with.
- ``trainable``, ``gradients``: what is learned, and its gradients, in fp32 (``pure_bf16``: in 16 bits).
- ``optimizer``: the two moments of Adam in the same precision (together 16 bytes a weight in fp32, as in ZeRO,
  arXiv:1910.02054, §3.1), in 8 bits with a constant a block of 256 (arXiv:2110.02861), or none.
- ``activations``: what the backward pass needs, kept for every layer, or with gradient checkpointing only each
  layer's input and one layer whole (Chen et al., arXiv:1604.06174). Attention that writes out its matrix adds heads ×
  length² a layer (Korthikanti et al., arXiv:2205.05198, §4.1); torch's SDPA and FlashAttention (arXiv:2205.14135) do not.
- ``logits``: scores over the whole vocabulary for the positions that have a label (:mod:`.engines.batches`): those in
  the model's precision and their gradient, and two of fp32 at a time (copy, log-softmax, gradient).
- ``context``: the interpreter with torch and its libraries, or the CUDA context with its workspaces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
#: Optimisers → numbers kept for each weight, and bytes of each (None: as the weights). Adafactor keeps one for each row
#: and column, which is next to nothing (arXiv:1804.04235).
_OPTIMISERS: dict[str, tuple[int, float | None]] = {
    "adamw_torch": (2, None),
    "adamw_torch_fused": (2, None),
    "adamw_8bit": (2, 1 + 4 / 256),
    "paged_adamw_8bit": (2, 1 + 4 / 256),
    "adafactor": (0, None),
    "sgd": (0, None),
}


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


@dataclass(frozen=True)
class Memory:
    """The estimate, by parts (bytes), and the least and most it may turn out to be.

    measured: the run or probe whose peak corrects the sum, which is then ``correction`` times that of the parts.
    """

    weights: int
    trainable: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    context: int
    correction: float = 1.0
    band: float = BAND
    measured: str = ""

    @property
    def learned(self) -> int:
        """What is learned, and what learning it takes."""
        return self.trainable + self.gradients + self.optimizer

    @property
    def passing(self) -> int:
        """What a batch takes while it passes through."""
        return self.activations + self.logits

    @property
    def estimated(self) -> int:
        """All parts together, as computed."""
        return self.weights + self.learned + self.passing + self.context

    @property
    def total(self) -> int:
        """All parts together, corrected by what was measured."""
        return round(self.estimated * self.correction)

    @property
    def low(self) -> int:
        """The least it may turn out to be."""
        return round(self.total * (1 - self.band))

    @property
    def high(self) -> int:
        """The most it may turn out to be."""
        return round(self.total * (1 + self.band))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: the fields, and ``estimated``, ``low`` and ``high``."""
        return {**asdict(self), "estimated": self.estimated, "low": self.low, "high": self.high}


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


def trainable(shape: Shape, recipe: Recipe) -> int:
    """Number of weights that are learned: all, or rank × (inputs + outputs) of every layer that LoRA is put beside.

    DoRA adds one for each output; ``additional_target`` adds whole modules.
    """
    if recipe.finetuning_type == "full":
        return shape.parameters
    targets = recipe.lora_target
    beside = sum(
        recipe.lora_rank * (out + inside) + (out if recipe.use_dora else 0)
        for name, (out, inside) in shape.linear.items()
        if targets == ["all"] or name.rpartition(".")[2] in targets
    )
    return beside + sum(_whole(shape, name) for name in recipe.additional_target)


def _whole(shape: Shape, module: str) -> int:
    sizes = {**{name: out * inside for name, (out, inside) in shape.linear.items()}, **shape.other}
    found = [size for name, size in sizes.items() if name.split(".")[-1] == module]
    # A head that is tied to the embeddings has no tensor of its own, until it is learned apart.
    return sum(found) or (shape.vocabulary * shape.hidden if module == "lm_head" else 0)


def estimate(
    shape: Shape, recipe: Recipe, samples: Sequence[Sample], precision: Precision, device: Device
) -> Memory:
    """The peak: a batch that holds the longest sample, padded to it."""
    longest = max((len(sample.input_ids) for sample in samples), default=0)
    shortest_prompt = min((sample.prompt for sample in samples), default=0)
    rows = min(recipe.per_device_train_batch_size, max(len(samples), 1))
    labelled = max(longest - shortest_prompt, 0)
    return of_batch(shape, recipe, rows, longest, labelled, precision, device)


def of_batch(
    shape: Shape, recipe: Recipe, rows: int, length: int, labelled: int, precision: Precision, device: Device
) -> Memory:
    """The peak for a batch of so many ``rows`` of ``length`` tokens, of which logits are computed for ``labelled``."""
    count = trainable(shape, recipe)
    width = 2 if recipe.pure_bf16 else 4
    kept, each = _OPTIMISERS.get(recipe.optim, (2, None))
    return Memory(
        weights=_weights(shape, recipe, precision),
        trainable=count * width,
        gradients=count * width,
        optimizer=round(count * kept * (width if each is None else each)),
        activations=rows * _activations(shape, recipe, length, precision, device),
        logits=rows * labelled * shape.vocabulary * _logit_bytes(precision),
        context=_CONTEXT[device.kind],
    )


def _weights(shape: Shape, recipe: Recipe, precision: Precision) -> int:
    width = _WIDTH[precision]
    packed = sum(out * inside for out, inside in shape.linear.values())
    if recipe.finetuning_type == "full":
        return 0 if recipe.pure_bf16 or precision == "fp32" else packed * width
    if recipe.quantization_bit == 4:
        return round((shape.parameters - packed) * width + packed * (0.5 + 1 / 64))
    if recipe.quantization_bit == 8:
        return (shape.parameters - packed) * width + packed
    return shape.parameters * width


def _logit_bytes(precision: Precision) -> int:
    width = _WIDTH[precision]
    return 2 * width + 2 * 4


def _activations(shape: Shape, recipe: Recipe, length: int, precision: Precision, device: Device) -> int:
    """Bytes that a row of ``length`` tokens keeps for the backward pass, in all layers."""
    width = _WIDTH[precision]
    layer = length * _per_token(shape, recipe, width)
    if recipe.flash_attn == "disabled":
        # The scores' softmax in fp32, and what the values are weighted with.
        layer += shape.heads * length * length * (4 + width)
    if not recipe.gradient_checkpointing:
        return layer * shape.layers
    kept = width * shape.hidden * length * shape.layers + layer
    return max(kept, round(_NOT_GIVEN_BACK * layer * shape.layers)) if device.kind == "cpu" else kept


def _per_token(shape: Shape, recipe: Recipe, width: int) -> int:
    """Bytes that one token keeps for the backward pass in one layer, attention's matrix apart."""
    h, q, k, f = shape.hidden, shape.queries, shape.keys, shape.inner
    # LoRA sees the input of a projection in fp32 too.
    lora = 4 if recipe.finetuning_type == "lora" else 0
    # RMSNorm twice: its input in fp32, normalised in fp32, and the result; residual sums.
    norms = 2 * (4 * h + 4 * h + width * h)
    # Projections see their input; rotary embedding; keys and values as wide as queries.
    attention = 3 * lora * h + lora * q + width * (2 * (q + k) + (q + 2 * k) + 4 * q)
    mlp = 2 * lora * h + lora * f + width * 4 * f
    return norms + attention + mlp


def _header(path: Path) -> dict[str, list[int]]:
    """Name and shape of every tensor in a safetensors file."""
    with open(path, "rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
