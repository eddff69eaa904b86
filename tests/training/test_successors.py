"""What comes after a run: resumed with another recipe, trained further, trained again, copied."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput, Refused
from tarot_tui.findings import Finding
from tarot_tui.jobs import status
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.project import Project
from tarot_tui.training import resume
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import changed, load
from tarot_tui.training.resume import apply, changes
from tarot_tui.training.runs import continued, recipe_of


@pytest.fixture
def cards(finished, tmp_path):
    """A project with a finished run of six steps, three an epoch, and a checkpoint at every second one."""
    return Project(shutil.copytree(finished, tmp_path / "project"))


@pytest.fixture
def run(cards):
    """The finished run."""
    return next(cards.jobs.glob("*-first"))


@pytest.fixture
def half(run):
    """The same run as it was after four steps, stopped."""
    shutil.rmtree(run / "checkpoint-6")
    (run / "adapter_model.safetensors").unlink()
    (run / "result.json").unlink()
    (run / "status.json").write_text(json.dumps({"state": "stopped", "step": 4, "total": 6, "attempt": 1}))
    return run


def test_what_decides_only_how_long_and_how_often_takes_effect(cards, half, train_here, metrics):
    found = changes(
        cards, half, ["num_train_epochs=3", "save_steps=1", "logging_steps=2", "save_total_limit=20"]
    )
    assert {change.key: change.effect for change in found} == {
        "num_train_epochs": "now", "save_steps": "now", "logging_steps": "now", "save_total_limit": "now",
    }  # fmt: skip
    assert "2 → 1 takes effect" in next(change for change in found if change.key == "save_steps").sentence()
    apply(cards, half, found)
    spec = read_spec(half)
    assert spec["total"] == spec["request"]["steps"] == 9 and recipe_of(half).save_steps == 1
    assert load(cards, half / "recipe.yaml").num_train_epochs == 3
    train_here(half)
    assert [line["current_steps"] for line in metrics(half)] == [1, 2, 3, 4, 6, 8]
    assert sorted(int(path.name[11:]) for path in half.glob("checkpoint-*")) == [2, 4, 5, 6, 7, 8, 9]


def test_what_the_optimiser_brings_along_is_said_and_stays(cards, half, train_here, metrics):
    before = metrics(half)
    found = changes(cards, half, ["learning_rate=0.5"])
    assert [change.effect for change in found] == ["checkpoint"]
    assert "does not take effect" in found[0].sentence() and "continue" in found[0].sentence()
    apply(cards, half, found)
    assert recipe_of(half).learning_rate == 1e-2
    train_here(half)
    assert [(line["lr"], line["loss"]) for line in metrics(half)] == [
        (line["lr"], line["loss"]) for line in before
    ]


def test_the_micro_batch_may_change_as_long_as_the_batch_does_not(cards, half, train_here, metrics):
    before = metrics(half)
    apply(
        cards, half, changes(cards, half, ["per_device_train_batch_size=1", "gradient_accumulation_steps=4"])
    )
    train_here(half)
    after = metrics(half)
    assert [line["loss"] for line in after] == pytest.approx([line["loss"] for line in before], rel=2e-3)
    with pytest.raises(Refused, match="must stay 4 within a run, not become 8"):
        changes(cards, half, ["per_device_train_batch_size=2", "gradient_accumulation_steps=4"])


@pytest.mark.parametrize(
    "change",
    ["lora_rank=8", "dataset=others", "model_name_or_path=other", "seed=1", "cutoff_len=64", "val_size=1"],
)
def test_what_would_make_it_another_run_is_refused(cards, half, change):
    with pytest.raises(Refused, match=f"{change.partition('=')[0]} cannot change within a run"):
        changes(cards, half, [change])


def test_before_the_first_checkpoint_everything_may_change(cards, half, metrics, train_here):
    for checkpoint in half.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    found = changes(cards, half, ["lora_rank=8", "learning_rate=1e-3", "bf16=false", "max_samples=4"])
    assert {change.effect for change in found} == {"now"}
    apply(cards, half, found)
    request = read_spec(half)["request"]
    assert recipe_of(half).lora_rank == 8 and (request["precision"], request["steps"]) == ("fp32", 2)
    train_here(half)
    assert [line["current_steps"] for line in metrics(half)] == [1, 2]


def test_a_run_that_is_shared_out_is_planned_as_that_when_it_is_resumed(cards, half, monkeypatch):
    gpu = {"kind": "cuda", "index": "0", "name": "a GPU", "total": 100, "free": 100, "bf16": True}
    parts = {"weights": 150, "trainable": 0, "gradients": 0, "optimizer": 0, "low": 150, "high": 160}
    too_much = Finding("memory.over", "error", "It does not fit.")
    request = read_spec(half)["request"]

    def plan(_engine, project, recipe, _say):
        return replace(plan_in_child(project, recipe), device=gpu, memory=parts, findings=[too_much])

    monkeypatch.setattr(resume, "plan_with", plan)
    with pytest.raises(Refused, match="Not resumed: It does not fit"):
        apply(cards, half, changes(cards, half, ["save_steps=1"]))
    rewrite(half, request={**request, "fsdp": "full_shard", "device": gpu, "parallel": {"num_processes": 2}})
    (half / "recipe.yaml").unlink()
    apply(cards, half, changes(cards, half, ["save_steps=1"]))
    assert recipe_of(half).save_steps == 1


def test_an_edited_recipe_in_the_folder_is_recognised(cards, half):
    text = (half / "recipe.yaml").read_text()
    (half / "recipe.yaml").write_text(text.replace("save_steps: 2", "save_steps: 3"))
    assert [(change.key, change.after) for change in changes(cards, half)] == [("save_steps", 3)]
    (half / "recipe.yaml").write_text(text.replace("save_steps: 2", "sav_steps: 3"))
    with pytest.raises(BadInput, match="did you mean 'save_steps'"):
        changes(cards, half)


def test_data_that_changed_too_or_nothing_left_to_do_is_refused_before_the_start(cards, half, add_dataset):
    with pytest.raises(Refused, match="has made 4 steps already"):
        apply(cards, half, changes(cards, half, ["max_steps=4"]))
    found = changes(cards, half, ["save_steps=1"])
    add_dataset(cards, "cards", [("another question", "another answer")] * 9)
    with pytest.raises(Refused, match="dataset has changed"):
        apply(cards, half, found)
    assert recipe_of(half).save_steps == 2


def test_a_continued_run_begins_where_the_adapter_is(cards, run, train_here, metrics):
    recipe = changed(continued(cards, run, run), ["learning_rate=1e-6", "max_steps=1"])
    assert recipe.adapter_name_or_path == f"jobs/{run.name}"
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "more")
    train_here(job)
    first, fresh, trained = metrics(job)[0]["loss"], metrics(run)[0]["loss"], metrics(run)[-1]["loss"]
    assert first < (fresh + trained) / 2


def test_a_continued_run_resumes_exactly_too_even_when_the_first_run_is_gone(cards, run, train_here, metrics):
    recipe = continued(cards, run, run)
    plan = plan_in_child(cards, recipe)
    straight, broken = make_job(cards, recipe, plan, "straight"), make_job(cards, recipe, plan, "broken")
    train_here(straight)
    (broken / "worker.stop").touch()
    train_here(broken)
    (broken / "worker.stop").unlink()
    shutil.rmtree(run)
    train_here(broken)
    assert [line["loss"] for line in metrics(broken)] == [line["loss"] for line in metrics(straight)]


def test_an_adapter_that_does_not_fit_is_refused_in_the_plan(cards, run, tiny_recipe, tmp_path, train_here):
    adapter = f"jobs/{run.name}"
    plan = plan_in_child(cards, tiny_recipe(adapter_name_or_path=adapter, lora_rank=16))
    assert plan.refused
    assert [finding.fix for finding in plan.findings if finding.id.startswith("adapter.")] == [
        "lora_rank: 4",
        "lora_alpha: 8",
    ]
    with pytest.raises(BadInput, match="holds no adapter_config.json"):
        plan_in_child(cards, tiny_recipe(adapter_name_or_path="jobs"))
    recipe = tiny_recipe(adapter_name_or_path=adapter)
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "changed")
    (run / "adapter_config.json").write_text((run / "adapter_config.json").read_text() + "\n")
    with pytest.raises(Refused, match="adapter in .* has changed"):
        train_here(job)


def test_the_verbs_make_recipes_and_runs(cards, run, capsys, monkeypatch):
    def tarot(*words: str) -> tuple[int, str]:
        code = main([words[0], "--project", str(cards.root), *words[1:]])
        return code, "".join(capsys.readouterr())

    code, said = tarot("clone", "first", "copy", "--set", "seed=7", "--json")
    assert code == 0 and json.loads(said) == {"recipe": "recipes/copy.yaml", "name": "copy"}
    assert load(cards, cards.recipes / "copy.yaml").seed == 7
    assert tarot("clone", "first", "copy")[0] == 0 and (cards.recipes / "copy-2.yaml").exists()

    code, said = tarot(
        "queue", "add", "copy", "--engine", "native", "--set", "max_steps=2", "--no-run", "--json"
    )
    assert code == 0 and recipe_of(cards.jobs / json.loads(said)["job"]).max_steps == 2, said
    shutil.rmtree(cards.jobs / json.loads(said)["job"])
    monkeypatch.setenv("TAROT_LLAMAFACTORY_PYTHON", str(cards.root / "nowhere"))
    code, said = tarot("queue", "add", "copy", "--engine", "llamafactory")
    assert code == 2 and "nowhere is not there" in said
    code, said = tarot("queue", "add", "first", "--engine", "llamafactory")
    assert code == 2 and "are for a recipe" in said

    code, said = tarot("resume", "first")
    assert code == 3 and "tarot-tui continue" in said

    code, said = tarot("restart", "first", "--set", "max_steps=1", "--dry-run", "--json")
    assert code == 0 and json.loads(said)["steps"] == 1 and list(cards.jobs.glob("2*")) == [run]

    code, said = tarot("continue", "first", "--set", "max_steps=2", "--queue", "--json")
    assert code == 0, said
    job = cards.jobs / json.loads(said)["job"]
    deadline = time.monotonic() + 120
    while status.read(job).state != "finished" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status.read(job).state == "finished" and job.name.endswith("-first-more")
    assert load(cards, cards.recipes / "first-more.yaml").adapter_name_or_path == f"jobs/{run.name}"
    assert recipe_of(job).adapter_name_or_path == f"jobs/{run.name}"


def test_a_run_that_waits_is_not_refused_for_memory_that_is_in_use_now(cards, tiny_recipe):
    plan = plan_in_child(cards, tiny_recipe())
    over = Finding("memory.over", "error", "It needs more than is free.")
    busy = replace(plan, findings=[over], device={**plan.device, "free": 0})
    assert busy.refused and not busy.once_free().refused
    small = replace(busy, device={**plan.device, "total": plan.memory["low"] - 1})
    assert small.once_free().refused, "no waiting makes a device larger"
