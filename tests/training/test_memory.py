"""The memory estimate against what trainings really took: ours on a CPU, and published ones on GPUs."""

from __future__ import annotations

import json

import pytest

from tarot_tui.training import memory
from tarot_tui.training.activations import Batch, Ways, positions_at_a_time, scores
from tarot_tui.training.device import Device
from tarot_tui.training.encode import Sample
from tarot_tui.training.memory import Memory, of_batch
from tarot_tui.training.packing import items
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.shape import Shape, shape_of

CPU = Device("cpu", "", "a CPU", 16_000_000_000, 12_000_000_000, True)
GPU = Device("cuda", "0", "a GPU", 24_000_000_000, 23_000_000_000, True)

FULL = {"finetuning_type": "full", "learning_rate": 2e-5}
KEPT = {"gradient_checkpointing": False}

#: Peak resident sets of a probe of SmolLM2-135M (Linux, glibc 2.36, torch 2.13, one thread), in MB. Rank 16 and
#: checkpointing unless said; samples of one length. length, learned of it, samples at once, changes → MB
MEASURED = {
    "short": (73, 32, 4, KEPT, 1141),
    "long": (250, 217, 4, KEPT, 1648),
    "long, checkpointed": (250, 217, 4, {}, 1102),
    "mostly prompt": (504, 33, 1, KEPT, 1274),
    "mostly prompt, checkpointed": (504, 33, 4, {}, 1288),
    "a high rank": (73, 32, 1, {"lora_rank": 64}, 1132),
    "4 bits": (121, 69, 4, {**KEPT, "quantization_bit": 4}, 1380),
    "8 bits": (121, 69, 4, {**KEPT, "quantization_bit": 8}, 1460),
    "fp32": (121, 69, 4, {**KEPT, "bf16": False}, 1845),
    "packed": (73, 32, 2, {**KEPT, "packing": True, "cutoff_len": 512}, 1646),
    "attention written out": (249, 197, 2, {**KEPT, "flash_attn": "disabled"}, 1571),
    "padded": (249, 197, 4, {**KEPT, "flash_attn": "sdpa"}, 1667),
    "dropout": (121, 69, 4, {**KEPT, "lora_dropout": 0.1}, 2078),
    "dora": (121, 69, 2, {**KEPT, "use_dora": True}, 1545),
    "whole": (73, 32, 2, {**KEPT, **FULL}, 3090),
    "whole, checkpointed": (249, 197, 2, FULL, 2912),
    "whole in 16 bits": (73, 32, 2, {**KEPT, **FULL, "pure_bf16": True}, 1846),
}


@pytest.mark.parametrize("case", MEASURED.values(), ids=MEASURED)
def test_the_peak_lies_within_the_band_on_a_cpu(smollm2, case):
    length, learned, batch, changes, peak = case
    recipe = Recipe(dataset="d", **{"per_device_train_batch_size": batch, **changes})
    samples = [Sample([0] * length, _labels(length, learned), length, length - learned, 0, True)] * 24
    precision = "fp32" if recipe.bf16 is False else "bf16"
    found = memory.estimate(shape_of(smollm2), recipe, items(recipe, samples), precision, CPU)
    assert found.low <= peak * 1e6 <= found.high


def _labels(length: int, learned: int) -> list[int]:
    return [-100] * (length - learned) + [0] * learned


def _decoder(layers: int, hidden: int, keys: int, inner: int, vocabulary: int) -> Shape:
    """A Llama-like model, its embeddings and head apart."""
    sizes = {"q": (hidden, hidden), "k": (keys, hidden), "v": (keys, hidden), "o": (hidden, hidden),
             "gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}  # fmt: skip
    linear = {f"model.layers.{n}.{name}": size for n in range(layers) for name, size in sizes.items()}
    parameters = sum(out * inside for out, inside in linear.values()) + 2 * vocabulary * hidden
    return Shape(
        parameters, linear, {}, layers, hidden // 128, hidden, hidden, keys, inner, vocabulary, 32_768
    )


LLAMA = _decoder(32, 4096, 1024, 14_336, 128_256)
QWEN = {"1.8B": _decoder(24, 2048, 2048, 5504, 151_936), "7B": _decoder(32, 4096, 4096, 11_008, 151_936),
        "14B": _decoder(40, 5120, 5120, 13_696, 152_064)}  # fmt: skip
PLAIN = Ways(rows=False, loss=False, lora=False, norms=False)

#: transformers' Trainer with peft on an A100, batch 1, checkpointed, FlashAttention 2, LoRA of rank 64 on all layers; the base
#: in bf16 or in 4 bits. Source: "Profiling of Memory and Speed" in the README of github.com/QwenLM/Qwen, 2023; its settings:
#: ``finetune/finetune_lora_single_device.sh``. In the unit that it calls G. size, bits → by length
PUBLISHED = {
    ("1.8B", None): {1024: 8.4, 2048: 11.0, 4096: 16.2, 8192: 21.8},
    ("7B", None): {256: 20.1, 1024: 21.5, 2048: 23.8, 4096: 29.7, 8192: 36.6},
    ("14B", None): {256: 34.6, 1024: 35.3, 2048: 37.4, 4096: 42.5, 8192: 55.2},
    ("7B", 4): {256: 11.5, 1024: 12.3, 2048: 13.9, 4096: 16.9, 8192: 23.5},
    ("14B", 4): {256: 18.7, 1024: 18.9, 2048: 19.9, 4096: 23.0, 8192: 27.9},
}


@pytest.mark.parametrize(
    ("size", "bits", "length", "taken"),
    [(*model, length, taken) for model, row in PUBLISHED.items() for length, taken in row.items()],
)
def test_the_formulas_give_what_qwen_published_of_peft_on_a_gpu(size, bits, length, taken):
    recipe = Recipe(dataset="d", lora_rank=64, quantization_bit=bits, flash_attn="fa2")
    found = of_batch(QWEN[size], recipe, Batch(1, length, length), PLAIN, "bf16", GPU)
    assert found.low <= taken * 1e9 <= found.high


def test_four_bits_take_what_qlora_says():
    # arXiv:2305.14314, §3: double quantisation brings the constants from 0.5 to 0.127 bits a weight.
    recipe = Recipe(dataset="d", quantization_bit=4)
    packed = sum(out * inside for out, inside in LLAMA.linear.values())
    outside = 2 * (LLAMA.parameters - packed)
    weights = of_batch(LLAMA, recipe, Batch(1, 1, 1), PLAIN, "bf16", GPU).weights
    assert (weights - outside) * 8 / packed == pytest.approx(4.127, abs=0.005)


def test_adam_takes_16_bytes_a_weight_and_its_8_bit_kind_a_quarter_of_its_own():
    # arXiv:1910.02054, §3.1; arXiv:2110.02861.
    def learned(**changes: object) -> float:
        recipe = Recipe(dataset="d", **FULL, **changes)
        return of_batch(LLAMA, recipe, Batch(1, 1, 1), PLAIN, "bf16", GPU).learned / LLAMA.parameters

    assert learned() == 16
    assert learned(optim="adamw_8bit") == pytest.approx(8 + 2.03, abs=0.01)
    assert learned(optim="sgd") == 8
    # LLaMA-Factory's README has 60 GB for a model of 7 billion in pure_bf16: 8 bytes a weight and what passes through.
    assert learned(pure_bf16=True) == 8


def test_logits_take_what_a_large_vocabulary_is_known_to():
    # arXiv:2411.09009, abstract: 24 GB for the loss of Gemma 2 (2B), 28 GB with the head's gradients; §5: 8192 tokens.
    gemma = _decoder(26, 2304, 1024, 9216, 256_000)
    assert 24e9 <= scores(gemma, Batch(1, 8192, 8192), PLAIN, 2, "cuda") <= 28e9
    ours = scores(gemma, Batch(1, 8192, 8192), Ways(True, True, True, True), 2, "cuda")
    # For 131 positions at a time, as our loss makes them: scores twice and in fp32; gradients of the hidden states beside.
    assert positions_at_a_time(256_000, "cuda") == 131
    assert ours == 131 * 256_000 * 8 + 8192 * 2304 * 4


def test_attention_that_is_written_out_grows_with_the_square_of_the_length():
    recipe = Recipe(dataset="d", flash_attn="disabled", gradient_checkpointing=False)
    whole = [
        of_batch(LLAMA, recipe, Batch(1, n, 1), PLAIN, "bf16", GPU).activations for n in (1024, 2048, 4096)
    ]
    square = whole[2] - 2 * whole[1]
    # arXiv:2205.05198, §4.1: heads × length² elements of a layer, several times over: here once in fp32 and once in 16 bits.
    assert square == 32 * 32 * (4096**2 - 2 * 2048**2) * 6


def test_an_8b_model_in_four_bits_fits_24_gb_and_in_16_bits_does_not():
    samples = [Sample([0] * 1024, _labels(1024, 824), 1024, 200, 0, True)] * 4
    packed = memory.estimate(LLAMA, Recipe(dataset="d", quantization_bit=4), samples, "bf16", GPU)
    whole = memory.estimate(LLAMA, Recipe(dataset="d"), samples, "bf16", GPU)
    assert packed.high < GPU.free < whole.high


def test_an_estimate_says_its_parts_and_what_corrected_it():
    found = Memory(1, 2, 3, 4, 5, 6, 7, correction=2.0, band=0.1, measured="deck")
    assert json.loads(json.dumps(found.as_dict())) == found.as_dict()
    assert (found.estimated, found.total, found.low, found.high) == (28, 56, 50, 62)
