"""The memory estimate against what trainings of SmolLM2 really took.

The figures are peak resident sets of the worker (Linux, glibc 2.36, torch 2.13 on a CPU, one thread), each after two
steps of samples that are all of one length.
"""

from __future__ import annotations

import pytest

from tarot_tui.training import memory
from tarot_tui.training.device import Device
from tarot_tui.training.encode import Sample
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import Shape, shape_of

CPU = Device("cpu", "", "a CPU", 16_000_000_000, 12_000_000_000, True)
GPU = Device("cuda", "0", "a GPU", 24_000_000_000, 23_000_000_000, True)

# length, tokens of it that are prompt, batch, gradient checkpointing, rank, bits, precision → peak in MB
MEASURED = [
    (256, 0, 4, False, 16, None, "bf16", 3027),
    (256, 0, 4, True, 16, None, "bf16", 2537),
    (64, 32, 4, False, 16, None, "bf16", 1412),
    (512, 500, 1, False, 16, None, "bf16", 1651),
    (512, 500, 1, True, 16, None, "bf16", 1172),
    (512, 500, 4, True, 16, None, "bf16", 2072),
    (128, 64, 4, False, 16, 4, "bf16", 1958),
    (128, 64, 4, False, 16, None, "fp32", 2380),
    (64, 32, 1, True, 64, None, "bf16", 1118),
    (32, 16, 1, True, 8, None, "bf16", 810),
]


def estimated(
    shape, length, prompt, batch, checkpointing, rank, bits, precision, device=CPU
) -> memory.Memory:
    recipe = Recipe(
        dataset="d", per_device_train_batch_size=batch, gradient_checkpointing=checkpointing, lora_rank=rank,
        quantization_bit=bits,
    )  # fmt: skip
    samples = [Sample([0] * length, [0] * length, length, prompt, 0, True)] * 2 * batch
    return memory.estimate(shape, recipe, samples, precision, device)


@pytest.mark.parametrize("case", MEASURED, ids=lambda case: "-".join(map(str, case[:-1])))
def test_the_peak_lies_within_the_band(smollm2, case):
    *setting, peak = case
    found = estimated(shape_of(smollm2), *setting)
    assert found.low <= peak * 1e6 <= found.high


def test_an_8b_model_in_four_bits_fits_24_gb_and_in_16_bits_does_not():
    # Llama 3.1 8B: QLoRA with short samples is known to train within 24 GB, LoRA in 16 bits to need more.
    block = {"q": (4096, 4096), "k": (1024, 4096), "v": (1024, 4096), "o": (4096, 4096), "g": (14336, 4096),
             "u": (14336, 4096), "d": (4096, 14336)}  # fmt: skip
    linear = {f"model.layers.{n}.{name}": size for n in range(32) for name, size in block.items()}
    shape = Shape(8_030_261_248, linear, {}, 32, 32, 4096, 4096, 1024, 14336, 128_256, 131_072)
    packed = estimated(shape, 1024, 200, 2, True, 16, 4, "bf16", GPU)
    whole = estimated(shape, 1024, 200, 2, True, 16, None, "bf16", GPU)
    assert 5.5e9 < packed.weights < 6.1e9 and packed.high < GPU.free
    assert whole.weights == 2 * 8_030_261_248 and whole.high > GPU.free
    # On a GPU checkpointing gives back what it frees.
    assert packed.activations < 1.5e9
