"""The form of a recipe: what it begins with, finds, explains, and mends on one key."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml
from textual.widgets import Input

from tarot_tui.cli import main
from tarot_tui.project import Project
from tarot_tui.training import recipe
from tarot_tui.training.effects import _EFFECTS
from tarot_tui.training.sections import sections
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.field_row import FieldRow
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.recipe_form import RecipeForm
from tarot_tui.tui.widgets.shell_line import ShellLine


@pytest.fixture
def here(project: Project, tiny_llama) -> Project:
    """A project with a dataset of forty cards and one recipe, which cuts their answers."""
    rows = [
        {"instruction": f"What is card {n}?", "input": "", "output": "A long way round. " * 6}
        for n in range(40)
    ]
    (project.data / "deck.json").write_text(json.dumps(rows))
    (project.data / "dataset_info.json").write_text(json.dumps({"deck": {"file_name": "deck.json"}}))
    text = f"model_name_or_path: {tiny_llama}\ndataset: deck\ncutoff_len: 40\nlearning_rate: 0.5\n"
    (project.recipes / "here.yaml").write_text(text)
    project.remember("step", "parameters")
    return project


@pytest.fixture
def no_plan(monkeypatch):
    """No plan is computed: what is tested does not wait for one."""
    monkeypatch.setattr(PlanView, "compute", lambda *_arguments, **_options: None)


def value(app: WizardApp, name: str) -> object:
    return app.screen.query_one(RecipeForm).row(name).value


async def test_findings_are_mended_on_a_key_and_taken_back_on_another(here, until, text_of):
    app = WizardApp(here)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "1 in the way")
        assert "40 of 40 answers" in text_of(app)
        await pilot.press("f")
        await pilot.pause()
        assert value(app, "cutoff_len") == 128 and value(app, "learning_rate") == 0.5
        await pilot.press("u")
        assert value(app, "cutoff_len") == 40
        await pilot.press("F")
        assert value(app, "cutoff_len") == 128 and value(app, "learning_rate") == 2e-4
        await until(pilot, " was ")
        assert "in the way" not in text_of(app)


async def test_a_preset_fills_the_form_and_the_shell_line_makes_the_same_recipe(here, no_plan, capsys):
    app = WizardApp(here)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one("#recipe", Choice).choose("/qlora-8b-24gb")
        await pilot.pause()
        assert value(app, "quantization_bit") == 4
        app.screen.query_one(RecipeForm).row("lora_rank").query_one(Input).value = "8"
        await pilot.pause()
        made = app.screen.query_one(RecipeForm).check()
        words = shlex.split(app.screen.query_one(ShellLine).command)
    assert words[:5] == ["tarot-tui", "recipe", "new", "--preset", "qlora-8b-24gb"]
    assert main([*words[1:], "--project", str(here.root)]) == 0
    path = here.recipes / "qlora-8b-24gb.yaml"
    assert made and recipe.load(here, path) == made
    assert yaml.safe_load(path.read_text())["lora_rank"] == 8


async def test_search_shows_what_fits_and_an_empty_one_everything_as_before(here, no_plan):
    app = WizardApp(here)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"accumul")
        await pilot.pause()
        shown = [row.field.name for row in app.screen.query(FieldRow) if row.region.height]
        assert "gradient_accumulation_steps" in shown and "lora_rank" not in shown
        await pilot.press(*["backspace"] * 7)
        await pilot.pause()
        assert all(row.display for row in app.screen.query(FieldRow))
        assert not app.screen.query_one(RecipeForm).row("adam_beta1").region.height


async def test_a_question_mark_in_a_field_says_what_more_and_less_of_it_do(here, no_plan, text_of):
    app = WizardApp(here)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        app.screen.query_one(RecipeForm).row("lora_rank").focus_entry()
        await pilot.press("question_mark")
        await pilot.pause()
        shown = text_of(app)
        assert "at least 1, at most 1024" in shown and "More: can hold more facts" in shown
        await pilot.press("escape")
        assert value(app, "lora_rank") == 16


async def test_what_may_not_stand_together_is_said_at_its_field(here, no_plan, until):
    app = WizardApp(here)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        form = app.screen.query_one(RecipeForm)
        form.change({"bf16": True, "fp16": True})
        await until(pilot, "bf16 and fp16 cannot both be true")
        assert form.row("bf16").has_class("-wrong") and app.screen.query_one("#primary").disabled


def test_every_parameter_is_in_one_section_and_every_effect_is_of_a_parameter():
    names = [field.name for section in sections() for field in section.fields]
    assert names == list(recipe.Recipe.model_fields)
    assert set(_EFFECTS) <= set(names)


async def test_every_key_of_a_recipe_can_be_found_and_explained_in_the_form(here, no_plan, text_of):
    app = WizardApp(here)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        form = app.screen.query_one(RecipeForm)
        assert sorted(row.field.name for row in form.rows()) == sorted(
            field.name for field in recipe.fields()
        )
        assert all(len(row.help.splitlines()) > 1 for row in form.rows())
        await pilot.press("slash", *"on_oom")
        await pilot.pause()
        assert "< checkpointing >" in text_of(app) and "lora_rank" not in text_of(app)
