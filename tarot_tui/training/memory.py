"""How much memory a training will take at its peak, from shapes alone: nothing is loaded.

The parts, in bytes:

- ``weights``: the frozen base; in 4 bits 0.5 byte a weight plus 1/64 for the doubly quantised block constants, with
  embeddings, norms and head left in 16 bits (QLoRA, arXiv:2305.14314, §3); in 8 bits one byte a weight. With full
  fine-tuning, the copy in 16 bits that autocast computes with.
- ``trainable``, ``gradients``: what is learned, and its gradients, in fp32 (``pure_bf16``: in 16 bits).
- ``optimizer``: the two moments of Adam in the same precision (together 16 bytes a weight in fp32, as in ZeRO,
  arXiv:1910.02054, §3.1), in 8 bits with a constant a block of 256 (arXiv:2110.02861), or none.
- ``activations``, ``logits``: see :mod:`.activations`. Kept for every layer, or with gradient checkpointing only each
  layer's input and one layer whole (Chen et al., arXiv:1604.06174). Attention that writes out its matrix adds heads ×
  length² a layer (Korthikanti et al., arXiv:2205.05198, §4.1); torch's SDPA and FlashAttention (arXiv:2205.14135) do not.
- ``context``: the interpreter with torch and its libraries, or the CUDA context with its workspaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tarot_tui.training.activations import Batch, Ways, kept, largest_batch, scores, ways_of
from tarot_tui.training.device import Device, Precision
from tarot_tui.training.packing import Item
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import Shape

#: By kind of device the share, up or down, within which the estimate was right wherever it was measured or published
#: (see tests/training/test_memory.py).
BAND = {"cpu": 0.15, "cuda": 0.25}

_CONTEXT = {"cpu": 540_000_000, "cuda": 900_000_000}
#: Bytes of a number.
WIDTH = {"bf16": 2, "fp16": 2, "fp32": 4}
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
    band: float = BAND["cuda"]
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
    shape: Shape, recipe: Recipe, drawn: Sequence[Item], precision: Precision, device: Device
) -> Memory:
    """The peak of a training that draws from these samples (or packs of them): a batch of the longest."""
    ways = ways_of(recipe)
    return of_batch(shape, recipe, largest_batch(recipe, drawn, ways), ways, precision, device)


def of_batch(
    shape: Shape, recipe: Recipe, batch: Batch, ways: Ways, precision: Precision, device: Device
) -> Memory:
    """The peak of such a batch, computed in such ways."""
    count = trainable(shape, recipe)
    wide = 2 if recipe.pure_bf16 else 4
    number, each = _OPTIMISERS.get(recipe.optim, (2, None))
    width = WIDTH[precision]
    return Memory(
        weights=_weights(shape, recipe, precision, device.kind),
        trainable=count * wide,
        gradients=count * wide,
        optimizer=round(count * number * (wide if each is None else each)),
        activations=kept(shape, recipe, batch, ways, width, device.kind),
        logits=scores(shape, batch, ways, width, device.kind),
        context=_CONTEXT[device.kind],
        band=BAND[device.kind],
    )


def _weights(shape: Shape, recipe: Recipe, precision: Precision, kind: str) -> int:
    width = WIDTH[precision]
    packed = sum(out * inside for out, inside in shape.linear.values())
    if recipe.finetuning_type == "full":
        return 0 if recipe.pure_bf16 or precision == "fp32" else packed * width
    if recipe.quantization_bit:
        each = 0.5 + 1 / 64 if recipe.quantization_bit == 4 else 1
        # In main memory the file that it is made from is still mapped.
        mapped = shape.parameters * 2 if kind == "cpu" else 0
        return round((shape.parameters - packed) * width + packed * each) + mapped
    return shape.parameters * width
