"""What a plan counts is what then happens: steps, warm-up, loss points, measurements, checkpoints, tokens, to the number."""

from __future__ import annotations

import pytest

from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import make_plan
from tarot_tui.training.schedule import schedule

#: What each setting changes of a recipe for 25 samples of very different lengths.
SETTINGS = {
    "whole epochs": {},
    "half an epoch more": {"num_train_epochs": 2.5},
    "less than an epoch": {"num_train_epochs": 0.4},
    "so many steps": {"max_steps": 5},
    "more steps than an epoch has": {"max_steps": 11, "gradient_accumulation_steps": 3},
    "a step that the data do not divide into": {"per_device_train_batch_size": 3, "num_train_epochs": 1.7},
    "one sample a step": {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 1, "max_steps": 9},
    "intervals of their own": {"logging_steps": 3, "save_steps": 5, "warmup_steps": 4},
    "measured": {"val_size": 0.2, "eval_steps": 3, "save_steps": 4, "num_train_epochs": 1.5},
    "a part of the samples": {"max_samples": 13, "seed": 7, "num_train_epochs": 1.3},
    "packed": {"packing": True, "cutoff_len": 192, "num_train_epochs": 2.5, "gradient_accumulation_steps": 1},
    "like lengths together": {"group_by_length": True, "num_train_epochs": 1.6},
    "the whole model": {"finetuning_type": "full", "learning_rate": 1e-3, "num_train_epochs": 0.7},
    "cut": {"cutoff_len": 48, "allow_truncation": True, "num_train_epochs": 1.4},
}


@pytest.fixture(scope="module")
def stories(tmp_path_factory, add_dataset):
    """A project with a dataset of 25 samples, from ten tokens to a hundred."""
    from tarot_tui.project import create

    project = create(tmp_path_factory.mktemp("exact") / "project")
    pairs = [(f"Tell story {n}.", "Once upon a time. " * (1 + n * 7 % 19)) for n in range(25)]
    add_dataset(project, "stories", pairs)
    return project


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_the_plan_is_what_happens(stories, tiny_recipe, tiny_llama, train_here, metrics, changes):
    values = {"dataset": "stories", "save_steps": 3, "save_total_limit": 50, "sample_answers": 0, **changes}
    recipe = tiny_recipe(**values)
    plan = make_plan(stories, recipe, tiny_llama)
    job = make_job(stories, recipe, plan, "exact")
    train_here(job)
    lines = metrics(job)
    losses = [line for line in lines if "loss" in line]
    assert lines[-1]["current_steps"] == plan.steps == lines[-1]["total_steps"]
    assert len(losses) == plan.loss_points
    assert [line["current_steps"] for line in lines if "eval_loss" in line] == plan.evaluations
    saved = sorted(int(path.name.rpartition("-")[2]) for path in job.glob("checkpoint-*"))
    assert saved == plan.checkpoints
    assert max(line["total_tokens"] for line in lines) == plan.tokens_seen
    # The rate rises for as many steps as were said, and falls from then on.
    rates = [line["lr"] for line in losses]
    if recipe.logging_steps == 1 and 1 < plan.warmup < plan.steps:
        assert rates.index(max(rates)) == plan.warmup
    taken = sum(path.stat().st_size for path in job.rglob("*.safetensors"))
    taken += sum(path.stat().st_size for path in job.rglob("*.pt"))
    assert taken <= plan.disk_bytes


def test_several_processes_take_as_many_steps_as_one(tiny_recipe):
    from tarot_tui.training.parallel import shared

    recipe = tiny_recipe(num_train_epochs=2.5)
    assert schedule(recipe, 25) == schedule(shared(recipe, 2), 25, 2)
