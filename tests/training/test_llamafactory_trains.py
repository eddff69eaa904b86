"""LLaMA-Factory itself as an engine: ``TAROT_LLAMAFACTORY_PYTHON=…/bin/python pytest -m external tests/training``."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import status
from tarot_tui.jobs.find import resolve
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.engines.llamafactory.environments import VARIABLE
from tarot_tui.training.recipe import dump

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no Python"),
]

CARDS = "card,meaning\n" + "".join(f"card {n},card {n} stands for {n * n} things\n" for n in range(24))


@pytest.fixture
def deck(project, tiny_recipe, capsys):
    """A project whose dataset was built from a table, and a recipe for it."""
    (project.sources / "deck.csv").write_text(CARDS, "utf-8")
    (project.templates / "t.yaml").write_text(
        "samples:\n- instruction: 'What does {card} mean?'\n  output: '{meaning}'\n", "utf-8"
    )
    said = run(project, "data", "build", str(project.sources / "deck.csv"), "-o", "cards", "--template", "t")
    assert said == 0, capsys.readouterr().err
    save(project, tiny_recipe(num_train_epochs=2, val_size=0.2, bf16=False, fp16=False, warmup_ratio=0.3))
    capsys.readouterr()
    return project


def run(project, *words: str) -> int:
    return main([*words, "--project", str(project.root)])


def save(project, recipe) -> None:
    (project.recipes / "deck.yaml").write_text(dump(recipe), "utf-8")


def trained(project, capsys, *words: str) -> tuple[Path, dict]:
    code = run(project, "train", "deck", "--engine", "llamafactory", "--json", *words)
    told = capsys.readouterr()
    assert code == 0, told
    said = json.loads(told.out.splitlines()[-1])
    return project.jobs / said["job"], said


def wait_for(job: Path, state: str, seconds: float = 120) -> status.Status:
    until = time.monotonic() + seconds
    while (found := status.read(job)).alive and time.monotonic() < until:
        time.sleep(0.2)
    assert found.state == state, (found, (job / "log.txt").read_text()[-2000:])
    return found


def wait_for_step(job: Path, step: int, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while (status.read(job).step or 0) < step and time.monotonic() < until:
        time.sleep(0.05)


def slow(project, tiny_recipe) -> None:
    """A recipe of enough steps to be interrupted."""
    save(project, tiny_recipe(num_train_epochs=40, save_steps=50, bf16=False, fp16=False))


def test_a_dataset_of_ours_is_learned_as_planned(deck, capsys, metrics):
    job, said = trained(deck, capsys, "--follow")
    plan = said["plan"]
    assert said["state"] == "finished"
    assert [step_of(path) for path in sorted(job.glob("checkpoint-*"), key=step_of)] == plan["checkpoints"]
    lines = metrics(job)
    assert lines[-1]["current_steps"] == plan["steps"] and lines[-1]["total_tokens"] == 2 * plan["tokens"]
    assert len([line for line in lines if "loss" in line]) == plan["loss_points"]
    assert all("grad_norm" in line for line in lines if "loss" in line)
    assert any("eval_loss" in line for line in lines)
    config = json.loads((job / "adapter_config.json").read_text())
    recorded = json.loads((job / "result.json").read_text())
    assert recorded["outcome"] == "finished" and recorded["step"] == plan["steps"]
    assert plan["memory"]["low"] < recorded["peak"] < plan["memory"]["high"]
    assert config["base_model_name_or_path"] == str(deck.resolve(config["base_model_name_or_path"]))


def test_it_begins_with_the_loss_of_our_own_engine(deck, capsys, metrics):
    job, _said = trained(deck, capsys, "--follow")
    assert run(deck, "train", "deck", "--follow", "--name", "ours", "-q") == 0
    ours = metrics(resolve(deck, "-1"))
    theirs = metrics(job)
    # The same tokens in the same order, before anything is learned; the adapters begin with other random numbers.
    assert theirs[0]["loss"] == pytest.approx(ours[0]["loss"], rel=1e-4)
    losses = [[line["loss"] for line in lines if "loss" in line][-1] for lines in (theirs, ours)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_it_saves_and_stops_when_asked_and_goes_on_exactly(deck, tiny_recipe, capsys, metrics):
    slow(deck, tiny_recipe)
    whole, _said = trained(deck, capsys, "--follow", "--name", "whole")
    job, _said = trained(deck, capsys, "--name", "stopped")
    wait_for_step(job, 20)
    assert run(deck, "stop", job.name, "-q") == 0
    stopped = wait_for(job, "stopped")
    checkpoint = last_complete(job)
    assert checkpoint and 20 <= step_of(checkpoint) == stopped.step < stopped.total
    assert not (job / "adapter_model.safetensors").exists()
    assert run(deck, "resume", job.name, "--follow", "-q") == 0
    wait_for(job, "finished")
    losses = [[line["loss"] for line in metrics(one) if "loss" in line] for one in (whole, job)]
    assert losses[0] == losses[1]


def test_it_is_killed_and_goes_on_from_its_last_checkpoint(deck, tiny_recipe, capsys, metrics):
    slow(deck, tiny_recipe)
    job, said = trained(deck, capsys)
    wait_for_step(job, 55)
    assert run(deck, "kill", job.name, "-q") == 0
    wait_for(job, "stopped")
    assert run(deck, "resume", job.name, "--set", "save_steps=60", "--follow", "-q") == 0
    assert wait_for(job, "finished").step == said["plan"]["steps"]
    steps = [line["current_steps"] for line in metrics(job) if "loss" in line]
    assert steps == list(range(1, said["plan"]["steps"] + 1))


def test_a_moved_project_goes_on(deck, tiny_recipe, capsys, tmp_path):
    slow(deck, tiny_recipe)
    job, _said = trained(deck, capsys)
    wait_for_step(job, 10)
    run(deck, "stop", job.name, "-q")
    wait_for(job, "stopped")
    moved = tmp_path / "else where"
    shutil.move(deck.root, moved)
    assert main(["resume", job.name, "--follow", "-q", "--project", str(moved)]) == 0
    assert status.read(moved / "jobs" / job.name).state == "finished"


def test_packed_samples_see_only_themselves(deck, tiny_recipe, capsys, metrics):
    changes = {"num_train_epochs": 3, "bf16": False, "fp16": False, "logging_steps": 1, "warmup_ratio": 0.5}
    batch = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 100}
    losses = []
    for packing in (False, True):
        save(deck, tiny_recipe(**changes, **batch, packing=packing, cutoff_len=128))
        job, said = trained(deck, capsys, "--follow")
        assert said["plan"]["steps"] == 3
        losses.append(metrics(job)[0]["loss"])
    # The whole deck in one step: the same mean, whoever shares a row with whom.
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_two_processes_see_the_samples_of_one(deck, capsys, metrics):
    one, _said = trained(deck, capsys, "--follow")
    two, _said = trained(deck, capsys, "--follow", "--num-processes", "2")
    firsts = [metrics(job)[0]["loss"] for job in (one, two)]
    assert firsts[0] == pytest.approx(firsts[1], rel=1e-3)
    assert len(metrics(one)) == len(metrics(two))


def test_what_it_trained_is_exported_with_the_template_that_trained(deck, capsys, tiny_llama):
    job, _said = trained(deck, capsys, "--follow")
    assert (job / "chat_template.jinja").read_text() == (tiny_llama / "chat_template.jinja").read_text()
    code = run(deck, "export", job.name, "--quant", "q8_0", "-o", "card-reader", "-q")
    assert code == 0, capsys.readouterr().err
    made = deck.models / "card-reader"
    assert (made / "release.json").is_file(), sorted(made.iterdir())


def test_a_continued_run_stays_with_its_engine(deck, capsys, metrics):
    job, _said = trained(deck, capsys, "--follow")
    before = [line["loss"] for line in metrics(job) if "loss" in line]
    assert run(deck, "continue", job.name, "--follow", "-q") == 0
    after = resolve(deck, "-1")
    assert "engine: llamafactory" in (after / "job.yaml").read_text()
    assert metrics(after)[0]["loss"] < before[0]


@pytest.mark.skipif(
    "TAROT_TEST_ENGINE_INSTALL" not in os.environ,
    reason="TAROT_TEST_ENGINE_INSTALL does not say where PyTorch comes from ('default': pip's own index)",
)
def test_it_is_installed_from_the_index_and_trains(deck, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    index = os.environ["TAROT_TEST_ENGINE_INSTALL"]
    assert main(["engines", "install", "--torch-index", index, "--yes", "--quiet"]) == 0
    assert main(["engines", "check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["version"] == "0.9.5" and found["ours"]
    job, said = trained(deck, capsys, "--follow")
    assert said["state"] == "finished" and (job / "training_loss.png").is_file()
    assert main(["engines", "remove", "--yes", "--quiet"]) == 0
    assert not list((tmp_path / "share" / "tarot-tui" / "engines").iterdir())
