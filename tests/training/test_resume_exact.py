"""Stopped after every single step and resumed each time, a run is the same to the last bit as one that never was.

What is in force only with CUDA cannot be shown here: the scaler of float16, and CUDA's own random state, both of which
Trainer keeps in the checkpoint too.
"""

from __future__ import annotations

import json

import pytest

from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child

VARIANTS = {
    # Random numbers within a step, and twice where the forward pass is made twice.
    "dropout": {"lora_dropout": 0.3, "gradient_checkpointing": True},
    # Readings of the loss that span a stop, and measuring in between: what is stopped then is not the best, and kept.
    "seldom logged": {"logging_steps": 4, "val_size": 2, "save_steps": 2, "save_total_limit": 1},
    # An epoch that ends in the middle of an accumulation, and an optimiser with a state of another shape.
    "odd epochs": {"gradient_accumulation_steps": 3, "optim": "adafactor", "lr_scheduler_type": "linear", "warmup_ratio": 0.4},
    "8 bits": {"quantization_bit": 8, "lora_dropout": 0.1},
}  # fmt: skip


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_stopped_after_every_step_it_is_the_same_run(cards, tiny_recipe, train_here, metrics, changes):
    recipe = tiny_recipe(**{"num_train_epochs": 2, **changes})
    plan = plan_in_child(cards, recipe)
    whole, torn = make_job(cards, recipe, plan, "whole"), make_job(cards, recipe, plan, "torn")
    train_here(whole)
    attempts = 0
    while not (torn / "adapter_model.safetensors").exists():
        (torn / "worker.stop").touch()
        train_here(torn)
        attempts += 1
        assert attempts <= plan.steps
    assert attempts == plan.steps >= 4
    assert _curve(metrics(torn)) == _curve(metrics(whole))
    for name in ("adapter_model.safetensors", f"checkpoint-{plan.steps}/scheduler.pt"):
        assert (torn / name).read_bytes() == (whole / name).read_bytes()
    assert _optimizer(torn, plan.steps) == _optimizer(whole, plan.steps)
    assert (
        json.loads((torn / "result.json").read_text())["loss"]
        == json.loads((whole / "result.json").read_text())["loss"]
    )


def _curve(lines) -> list[dict]:
    kept = ("current_steps", "loss", "eval_loss", "grad_norm", "lr", "epoch", "total_tokens")
    return [{key: line[key] for key in kept if key in line} for line in lines]


def _optimizer(job, steps: int) -> dict:
    import torch

    state = torch.load(job / f"checkpoint-{steps}" / "optimizer.pt", weights_only=True)["state"]
    return {
        (at, name): value.tolist() if torch.is_tensor(value) else value
        for at, values in state.items()
        for name, value in values.items()
    }
