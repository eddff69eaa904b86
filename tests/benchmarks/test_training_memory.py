"""The memory estimate against a few real steps of SmolLM2-135M, measured here and now, each in a process of its own.

The recorded peaks in tests/training/test_memory.py were measured so. ``TAROT_BENCH_SCALE`` below 1 takes fewer settings.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from tarot_tui.data import registry, samples
from tarot_tui.project import Project, create
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.probe import measure
from tarot_tui.training.recipe import Recipe

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
#: Seconds that a setting's steps may take.
SECONDS = 20.0

KEPT = {"gradient_checkpointing": False}
FULL = {"finetuning_type": "full", "learning_rate": 2e-5}
#: Words of a question, words of its answer, samples at once, changes.
SETTINGS = {
    "long": (10, 200, 4, KEPT),
    "long, checkpointed": (10, 200, 4, {}),
    "whole": (10, 30, 2, {**KEPT, **FULL}),
    "4 bits": (20, 60, 4, {**KEPT, "quantization_bit": 4}),
    "packed": (10, 30, 2, {**KEPT, "packing": True, "cutoff_len": 512}),
    "mostly prompt, checkpointed": (440, 30, 4, {}),
    "whole, checkpointed": (20, 190, 2, FULL),
    "whole in 16 bits": (10, 30, 2, {**KEPT, **FULL, "pure_bf16": True}),
    "8 bits": (20, 60, 4, {**KEPT, "quantization_bit": 8}),
    "fp32": (20, 60, 4, {**KEPT, "bf16": False}),
    "attention written out": (20, 190, 2, {**KEPT, "flash_attn": "disabled"}),
    "padded": (20, 190, 4, {**KEPT, "flash_attn": "sdpa"}),
    "dropout": (20, 60, 4, {**KEPT, "lora_dropout": 0.1}),
    "dora": (20, 60, 2, {**KEPT, "use_dora": True}),
    "a high rank": (10, 30, 1, {"lora_rank": 64}),
}
TAKEN = dict(list(SETTINGS.items())[: max(1, math.ceil(SCALE * len(SETTINGS)))])

_WORDS = ["star", "moon", "sun", "fool", "tower", "death", "world", "judge", "cup", "wand", "sword", "coin"]


@pytest.fixture(autouse=True)
def own_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured here corrects no estimate, here or later."""
    monkeypatch.setattr("tarot_tui.training.probe.remember", lambda _experience: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def _dataset(project: Project, asked: int, answered: int) -> None:
    def text(count: int, first: int) -> str:
        return " ".join(_WORDS[(first + 5 * place) % len(_WORDS)] for place in range(count))

    rows = [{"instruction": text(asked, n), "input": "", "output": text(answered, n + 3)} for n in range(24)]
    samples.write(project.data / "words.json", rows)
    registry.register(project, "words", registry.alpaca("words.json", system=False))


@pytest.mark.parametrize("setting", TAKEN.values(), ids=TAKEN)
def test_the_estimate_holds(tmp_path: Path, smollm2: Path, setting: tuple) -> None:
    asked, answered, batch, changes = setting
    project = create(tmp_path / "project")
    _dataset(project, asked, answered)
    recipe = Recipe(
        model_name_or_path=str(smollm2), dataset="words", per_device_train_batch_size=batch,
        gradient_accumulation_steps=1, **changes,
    )  # fmt: skip
    plan = plan_in_child(project, recipe)
    # Another run or probe on this machine would have corrected it.
    low, high = (round(plan.memory["estimated"] * (1 + sign * 0.15)) for sign in (-1, 1))
    found = measure(project, recipe, plan, seconds=SECONDS)
    print(
        f"\n{found.peak / 1e6:7.0f} MB, estimated {plan.memory['estimated'] / 1e6:.0f}: "
        f"{found.peak / plan.memory['estimated']:.2f}; {found.speed:.0f} tokens/s"
    )
    assert low <= found.peak <= high
