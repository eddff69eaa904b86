"""What is done with the measured loss: a run that finishes early, the best checkpoint as the result, curves elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest

from tarot_tui.jobs.classify import Ending, classify
from tarot_tui.training.engines.reporting import prepare_report
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import make_plan, plan_in_child


def test_it_finishes_early_with_the_best_checkpoint_as_its_result_also_when_it_is_resumed(
    cards, tiny_recipe, train_here, metrics
):
    recipe = tiny_recipe(
        num_train_epochs=6, learning_rate=5e-2, val_size=3, save_steps=1, save_total_limit=2,
        early_stopping_steps=2, load_best_model_at_end=True,
    )  # fmt: skip
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "overfit")
    train_here(job)
    curve = [line.get("eval_loss") for line in metrics(job)]
    measured = {line["current_steps"]: line["eval_loss"] for line in metrics(job) if "eval_loss" in line}
    best, total = min(measured, key=measured.__getitem__), metrics(job)[-1]["total_steps"]
    result = json.loads((job / "result.json").read_text())
    assert result["outcome"] == "finished" and result["step"] == best + 2 == max(measured) < total
    verdict = classify(Ending(exit_code=0, result=result, step=result["step"], total=total))
    assert verdict.state == "finished" and f"after step {best + 2} of {total}" in verdict.reason
    served = (job / "adapter_model.safetensors").read_bytes()
    assert served == (job / f"checkpoint-{best}" / "adapter_model.safetensors").read_bytes()
    assert served != (job / f"checkpoint-{best + 2}" / "adapter_model.safetensors").read_bytes()

    for name in ("adapter_model.safetensors", "result.json"):
        (job / name).unlink()
    shutil.rmtree(job / f"checkpoint-{best + 2}")
    train_here(job)
    assert [line.get("eval_loss") for line in metrics(job)] == curve
    assert (job / "adapter_model.safetensors").read_bytes() == served


def test_curves_go_to_tensorboard(cards, tiny_recipe, train_here):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = tiny_recipe(report_to="tensorboard", num_train_epochs=1)
    plan = plan_in_child(cards, recipe)
    job = make_job(cards, recipe, plan, "curves")
    train_here(job)
    events = EventAccumulator(str(job / "runs")).Reload()
    assert [point.step for point in events.Scalars("train/loss")] == list(range(1, plan.steps + 1))


@pytest.mark.parametrize(
    ("changes", "module", "command"),
    [
        ({"report_to": "wandb"}, "wandb", "pip install wandb"),
        ({"report_to": "trackio"}, "trackio", "pip install trackio"),
        ({"optim": "paged_adamw_8bit"}, "bitsandbytes", "pip install bitsandbytes"),
        ({"quantization_bit": 4}, "bitsandbytes", "pip install bitsandbytes"),
        ({"flash_attn": "fa2", "bf16": True}, "flash_attn", "pip install flash-attn"),
    ],
)
def test_a_missing_package_is_said_once_in_the_plan_with_the_command_that_brings_it(
    cards, tiny_recipe, tiny_llama, monkeypatch, changes, module, command
):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    plan = make_plan(cards, tiny_recipe(**changes), tiny_llama)
    (found,) = (one for one in plan.findings if one.severity == "error")
    assert found.id.endswith(".missing") and found.fix.startswith(command)


def test_without_a_login_curves_for_wandb_stay_in_the_runs_folder(tmp_path, monkeypatch, capsys):
    for name in ("API_KEY", "MODE", "PROJECT", "DIR", "RUN_ID", "RESUME", "DISABLE_CODE", "SILENT"):
        name = f"WANDB_{name}"
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    prepare_report("wandb", tmp_path / "project" / "jobs" / "run")
    assert os.environ["WANDB_MODE"] == "offline" and os.environ["WANDB_PROJECT"] == "project"
    assert "wandb sync" in capsys.readouterr().out


@pytest.mark.external
@pytest.mark.parametrize(("tool", "left"), [("wandb", "wandb/*/*.wandb"), ("trackio", "../trackio/*.db")])
def test_curves_go_to_the_other_tools_too_where_they_are_installed(
    cards, tiny_recipe, train_here, monkeypatch, tmp_path, tool, left
):
    pytest.importorskip(tool)
    monkeypatch.setenv("HOME", str(tmp_path))  # where nobody is logged in
    monkeypatch.setenv("TRACKIO_DIR", str(cards.jobs / "trackio"))
    recipe = tiny_recipe(report_to=tool, num_train_epochs=1)
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "curves")
    train_here(job)
    assert list(job.glob(left))
