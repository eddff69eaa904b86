"""The first time: from ``tarot-tui`` in an empty folder to a running training of the example."""

from __future__ import annotations

import os
import signal
import sys
import types

import pytest
from textual.widgets import Button, Input

from tarot_tui.findings import Finding
from tarot_tui.jobs import status
from tarot_tui.tui import steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.finding_list import FindingList

#: Key presses that a beginner may need at most.
AT_MOST = 12


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """A machine that can train, with something to note."""
    found = [Finding("gpu", "warning", "There is no GPU here."), Finding("python", "ok", "Python 3.11.")]
    monkeypatch.setitem(
        sys.modules, "tarot_tui.doctor.run", types.SimpleNamespace(run=lambda on_finding: found)
    )
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")


async def test_a_beginner_is_training_after_a_few_key_presses(tmp_path, tiny_llama, until):
    app = WizardApp(None, tmp_path / "empty")
    (tmp_path / "empty").mkdir()
    pressed = []

    async with app.run_test(size=(80, 24)) as pilot:

        async def enter_after(text):
            await until(pilot, text)
            # A button takes no press while it still looks pressed.
            await until(pilot, lambda: not pilot.app.screen.query("Button.-active"))
            pressed.append("enter")
            await pilot.press("enter")

        await enter_after("78 tarot cards")
        await until(pilot, "There is no GPU here.")
        # The example's own recipe, with a base that is quicker to plan and to train.
        for path in app.project.recipes.glob("*.yaml"):
            path.unlink()
        (app.project.recipes / "try-it.yaml").write_text(
            f"model_name_or_path: {tiny_llama}\ndataset: tarot-en\nnum_train_epochs: 50\n"
        )
        await enter_after("Go on to Dataset")
        await enter_after("Build the dataset")
        await enter_after("Go on to Parameters")
        await until(pilot, "over 156 samples")
        await enter_after("Go on to Train")
        await enter_after("Start training")
        await until(pilot, "Training…")
        (run,) = steps.runs(app.project)
        assert status.read(run).alive
    # Leaving did not end it.
    found = status.read(run)
    assert found.alive
    os.kill(found.supervisor.pid, signal.SIGTERM)
    assert len(pressed) <= AT_MOST


@pytest.mark.parametrize("step", steps.IDS)
async def test_every_field_of_every_step_says_what_it_is_for(project, step):
    project.remember("step", step)
    async with WizardApp(project).run_test() as pilot:
        await pilot.pause()
        for widget in pilot.app.screen.query("Input, Choice, FindingList, Documents"):
            assert isinstance(widget, Input | Choice | FindingList) or widget.id == "documents"
            assert pilot.app.screen.help_for(widget), (step, widget)


async def test_help_for_a_field_is_shown_from_inside_it(project, until):
    project.remember("step", "dataset")
    async with WizardApp(project).run_test() as pilot:
        await pilot.pause()
        pilot.app.screen.query_one("#name", Input).focus()
        await pilot.press("f1")
        await until(pilot, "What the dataset is called")
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen.focused, Button)


async def test_the_help_of_a_setting_says_what_its_word_means(project, until):
    project.remember("step", "parameters")
    async with WizardApp(project).run_test(size=(100, 40)) as pilot:
        await until(pilot, "lora_rank")
        row = next(row for row in pilot.app.screen.query("FieldRow") if row.field.name == "lora_rank")
        row.query_one(Input).focus()
        await pilot.press("f1")
        await until(pilot, "How much room the adapter has to learn")
