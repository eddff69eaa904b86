"""Which engine trains, chosen in the wizard: only where there is a choice, and really done by it."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from tarot_tui.jobs import status
from tarot_tui.tui import steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.shell_line import ShellLine

VARIABLE = "TAROT_LLAMAFACTORY_PYTHON"


@pytest.fixture
def deck(project, tiny_llama):
    """A project with a dataset and a recipe that is settled."""
    rows = [{"instruction": f"Card {n}?", "input": "", "output": f"It stands for {n}."} for n in range(16)]
    (project.data / "deck.json").write_text(json.dumps(rows))
    (project.data / "dataset_info.json").write_text(json.dumps({"deck": {"file_name": "deck.json"}}))
    text = f"model_name_or_path: {tiny_llama}\ndataset: deck\nper_device_train_batch_size: 2\n"
    (project.recipes / "here.yaml").write_text(text + "gradient_accumulation_steps: 1\nsample_answers: 0\n")
    project.remember("step", "parameters")
    project.remember("recipe", "here")
    return project


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_engine_is_chosen_beside_the_recipe(deck, monkeypatch, size):
    monkeypatch.setenv(VARIABLE, sys.executable)
    monkeypatch.setattr(PlanView, "compute", lambda *_arguments, **_options: None)
    app = WizardApp(deck)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        command = app.screen.query_one(ShellLine)
        assert "--engine" not in command.command
        app.screen.query_one("#engine", Choice).choose("llamafactory")
        await pilot.pause()
        assert "--engine llamafactory" in command.command
        assert app.screen.query_one("#engine").region.right <= size[0]
        assert steps.chosen_engine(deck) == "llamafactory"
        app.go("train")
        await pilot.pause()
        assert app.screen.query_one(ShellLine).command.endswith("train here --engine llamafactory")
    monkeypatch.setenv(VARIABLE, "/nowhere/python")
    assert steps.chosen_engine(deck) == ""


async def test_without_another_engine_nothing_is_asked(deck, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(PlanView, "compute", lambda *_arguments, **_options: None)
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not app.screen.query("#engine")


@pytest.mark.external
@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no Python")
async def test_llamafactory_trains_through_the_wizard(deck, until):
    deck.remember("engine", "llamafactory")
    app = WizardApp(deck)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "LLaMA-Factory")
        await until(pilot, "Go on to Train")
        await pilot.press("enter")
        await until(pilot, "Start training")
        await pilot.press("enter")
        await until(pilot, "Finished.", 240)
        (job,) = deck.jobs.iterdir()
    assert "engine: llamafactory" in (job / "job.yaml").read_text()
    ended = time.monotonic() + 30
    while status.read(job).alive and time.monotonic() < ended:
        time.sleep(0.1)
    assert status.read(job).state == "finished" and (job / "adapter_model.safetensors").is_file()
