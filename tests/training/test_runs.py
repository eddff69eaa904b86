"""What a plan says is what then happens; a run that was stopped or torn goes on as if nothing had been."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from tarot_tui.errors import Refused
from tarot_tui.jobs import status
from tarot_tui.training.launch import launch, make_job
from tarot_tui.training.plan import plan_in_child


@pytest.fixture
def reference(cards, tiny_recipe, train_here):
    """A run from beginning to end: its recipe, plan, and job folder."""
    recipe = tiny_recipe()
    plan = plan_in_child(cards, recipe)
    job = make_job(cards, recipe, plan, "reference")
    train_here(job)
    return recipe, plan, job


def test_a_launched_run_does_what_its_plan_says_and_leaves_an_adapter(cards, tiny_recipe, metrics):
    recipe = tiny_recipe(logging_steps=2, warmup_ratio=0.3, val_size=2)
    plan = plan_in_child(cards, recipe)
    job = launch(cards, recipe, "run", plan)
    while (found := status.read(job)).alive:
        time.sleep(0.1)
    log = (job / "log.txt").read_text()
    assert found.state == "finished", log
    lines = [line for line in metrics(job) if "loss" in line]
    assert found.step == found.total == plan.steps == lines[-1]["total_steps"] == 6
    assert len(lines) == plan.loss_points
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.2
    assert sorted(int(path.name[11:]) for path in job.glob("checkpoint-*")) == plan.checkpoints
    assert lines[-1]["total_tokens"] == 3 * plan.tokens
    assert max(range(len(lines)), key=lambda at: lines[at]["lr"]) == plan.warmup // 2
    assert [line["current_steps"] for line in metrics(job) if "eval_loss" in line] == plan.checkpoints
    for name in (
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "recipe.yaml",
    ):
        assert (job / name).is_file()
    assert "Traceback" not in log and "Warning" not in log


def test_only_the_matrices_are_trained_in_fp32_beside_a_bf16_base(tiny_llama, tiny_recipe):
    import torch

    from tarot_tui.training.engines.model import load_model

    model = load_model(tiny_llama, tiny_recipe(), "bf16", cpu=True)
    kinds = {(weight.requires_grad, weight.dtype) for weight in model.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_stopped_and_resumed_the_curve_is_that_of_an_uninterrupted_run(reference, cards, train_here, metrics):
    recipe, plan, whole = reference
    job = make_job(cards, recipe, plan, "stopped")
    (job / "worker.stop").touch()
    train_here(job)
    assert json.loads((job / "result.json").read_text())["outcome"] == "stopped"
    assert not (job / "adapter_model.safetensors").exists()
    assert [line["current_steps"] for line in metrics(job)] == [1]
    (job / "worker.stop").unlink()
    train_here(job)
    assert json.loads((job / "result.json").read_text())["outcome"] == "finished"
    assert _curve(metrics(job)) == _curve(metrics(whole))
    assert (job / "adapter_model.safetensors").read_bytes() == (
        whole / "adapter_model.safetensors"
    ).read_bytes()


def test_a_torn_checkpoint_is_passed_over_and_the_log_has_every_step_once(reference, train_here, metrics):
    _recipe, plan, job = reference
    whole = shutil.copytree(job, job.with_name("copy"))
    (job / f"checkpoint-{plan.steps}" / "trainer_state.json").unlink()
    torn = job / f"checkpoint-{plan.checkpoints[-2]}" / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:1000])
    (job / "adapter_model.safetensors").unlink()
    train_here(job)
    assert _curve(metrics(job)) == _curve(metrics(whole))
    seconds = [line["elapsed_seconds"] for line in metrics(job)]
    assert seconds == sorted(seconds)
    assert (job / "adapter_model.safetensors").read_bytes() == (
        whole / "adapter_model.safetensors"
    ).read_bytes()


def test_a_dataset_that_changed_under_a_run_is_not_mixed_in(cards, tiny_recipe, add_dataset, train_here):
    recipe = tiny_recipe()
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "changed")
    add_dataset(cards, "cards", [("another question", "another answer")])
    with pytest.raises(Refused, match="dataset has changed"):
        train_here(job)


def test_a_loss_that_is_no_number_ends_the_run_and_says_so(
    cards, tiny_llama, tiny_recipe, train_here, tmp_path
):
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(tiny_llama, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    recipe = tiny_recipe(model_name_or_path=str(broken))
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "nan")
    with pytest.raises(FloatingPointError, match="loss is nan at step 1"):
        train_here(job)
    assert not (job / "result.json").exists() and not list(job.glob("checkpoint-*"))


def test_the_base_in_four_bits_trains_too(cards, tiny_recipe, train_here, metrics):
    recipe = tiny_recipe(quantization_bit=4, gradient_checkpointing=True, max_steps=4, save_steps=100)
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "qlora")
    train_here(job)
    losses = [line["loss"] for line in metrics(job)]
    assert len(losses) == 4 and losses[-1] < losses[0]
    assert (job / "adapter_model.safetensors").is_file()


def _curve(lines) -> list[tuple]:
    return [(line["current_steps"], line["loss"], line["grad_norm"]) for line in lines]


def test_a_clock_that_is_set_changes_no_duration_and_no_speed(tmp_path, monkeypatch, metrics):
    from transformers import TrainerControl, TrainerState

    from tarot_tui.training.engines.callbacks import TrainerLog

    log = TrainerLog(tmp_path / "trainer_log.jsonl")
    state = TrainerState(max_steps=2, is_world_process_zero=True)
    log.on_train_begin(None, state, TrainerControl())
    for step, clock in ((1, 1e6), (2, 1e12)):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        state.global_step, state.num_input_tokens_seen = step, 100 * step
        log.on_log(None, state, TrainerControl(), {"loss": 1.0})
    lines = metrics(tmp_path)
    assert [line["time"] for line in lines] == [1e6, 1e12]
    assert all(0 <= line["elapsed_seconds"] < 60 and line["throughput"] > 1 for line in lines)
