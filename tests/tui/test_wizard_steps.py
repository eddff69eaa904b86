"""Each step of the wizard at work on the example: what it finds, does, and says when there is nothing to do."""

from __future__ import annotations

import json
import sys
import types

import pytest
from textual.widgets import Button, Input

from tarot_tui.findings import Finding
from tarot_tui.locale import set_language
from tarot_tui.project import create
from tarot_tui.tui import steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.field_row import FieldRow

FOUND = [
    Finding("torch.cuda", "error", "PyTorch sees no GPU.", fix="pip install torch"),
    Finding("python", "ok", "Python 3.11."),
]


@pytest.fixture(autouse=True)
def checked(monkeypatch):
    """The doctor's findings, at once; ``checked.found`` may be changed."""

    def run(on_finding):
        for finding in doctor.found:
            on_finding(finding)
        return doctor.found

    doctor = types.SimpleNamespace(run=run, found=FOUND)
    monkeypatch.setitem(sys.modules, "tarot_tui.doctor.run", doctor)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    return doctor


@pytest.fixture
def example(tmp_path, tiny_llama):
    """The example project, with a recipe for a model that is here."""
    project = create(tmp_path / "deck", example=True)
    recipe = f"model_name_or_path: {tiny_llama}\ndataset: tarot-en\ngradient_accumulation_steps: 1\n"
    (project.recipes / "here.yaml").write_text(recipe)
    return project


def primary(app: WizardApp) -> str:
    """What the main button says."""
    return str(app.screen.query_one("#primary", Button).label)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_environment_shows_failures_first_with_their_fix(example, until, text_of, size):
    app = WizardApp(example)
    async with app.run_test(size=size) as pilot:
        await until(pilot, "Mend it")
        shown = text_of(app)
        assert shown.index("PyTorch sees no GPU.") < shown.index("Python 3.11.")
        assert "pip install torch" in shown and "Mend it" in primary(app)


async def test_environment_goes_on_when_all_is_well(example, checked, until):
    checked.found = FOUND[1:]
    app = WizardApp(example)
    async with app.run_test() as pilot:
        await until(pilot, "Python 3.11.")
        await until(pilot, "Go on to Dataset")
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.id == "dataset"


async def test_dataset_previews_the_samples_and_builds_them(example, until):
    example.remember("step", "dataset")
    app = WizardApp(example)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "What does The Fool mean upright?")
        await until(pilot, lambda: "Build" in primary(app))
        await pilot.press("enter")
        await until(pilot, "tarot-en: 156 samples.")
        await until(pilot, "Go on to Parameters")
    assert len(json.loads((example.data / "tarot-en.json").read_text("utf-8"))) == 156


@pytest.mark.parametrize(("tongue", "built", "suggested"), [
    ("en", "", "tarot-en"), ("zh_TW", "", "tarot-zh"), ("zh_TW", "tarot-en", "tarot-en"),
])  # fmt: skip
async def test_dataset_suggests_what_was_built_last_else_the_deck_in_ones_language(
    example, tongue, built, suggested
):
    example.remember("step", "dataset")
    example.remember("dataset", built)
    set_language(tongue)
    try:
        async with WizardApp(example).run_test() as pilot:
            await pilot.pause()
            assert pilot.app.screen.query_one("#name", Input).value == suggested
    finally:
        set_language("en")


async def test_dataset_says_what_is_wrong_with_a_template(example, until):
    (example.templates / "tarot-en.yaml").write_text(
        'samples:\n  - instruction: "{Card Nmae}"\n    output: "{Upright Meaning}"\n'
    )
    example.remember("step", "dataset")
    app = WizardApp(example)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "Card Nmae")


@pytest.fixture
def with_dataset(example):
    """The example with a dataset that is built."""
    from tarot_tui.data.build import build

    build(example, sorted(example.sources.glob("*.xlsx")), "tarot-en", example.templates / "tarot-en.yaml")
    example.remember("dataset", "tarot-en")
    for other in ("try-it", "qlora-8b-24gb"):
        (example.recipes / f"{other}.yaml").unlink()
    return example


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_parameters_show_the_plan_and_settle_the_recipe(with_dataset, until, size):
    with_dataset.remember("step", "parameters")
    app = WizardApp(with_dataset)
    async with app.run_test(size=size) as pilot:
        await until(pilot, "over 156 samples")
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.id == "train"
    assert steps.chosen_recipe(with_dataset) == "here"


async def test_parameters_suggest_a_recipe_that_can_start_here(tmp_path, until, text_of):
    project = create(tmp_path / "deck", example=True)
    (project.data / "dataset_info.json").write_text(json.dumps({"tarot-zh": {"file_name": "tarot-zh.json"}}))
    project.remember("dataset", "tarot-zh")
    project.remember("step", "parameters")
    (project.recipes / "a-broken-one.yaml").write_text("lora_rnak: 8\n")
    async with WizardApp(project).run_test(size=(120, 40)) as pilot:
        await until(pilot, "try-it")
        assert pilot.app.screen.query_one("#recipe", Choice).value == "try-it/"
        assert "tarot-zh" in text_of(pilot.app)


async def test_parameters_refuse_a_value_in_place(with_dataset, until, text_of):
    with_dataset.remember("step", "parameters")
    app = WizardApp(with_dataset)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "over 156 samples")
        row = next(row for row in app.screen.query(FieldRow) if row.field.name == "lora_rank")
        row.query_one(Input).value = "-3"
        await until(pilot, "at least 1")
    assert "lora_rank" not in (with_dataset.recipes / "here.yaml").read_text()


async def test_train_shows_the_plan_before_and_the_run_after(with_dataset, make_job, until):
    with_dataset.remember("step", "train")
    with_dataset.remember("recipe", "here")
    async with WizardApp(with_dataset).run_test(size=(120, 40)) as pilot:
        await until(pilot, "over 156 samples")
        assert "Start training" in primary(pilot.app)


async def test_train_without_a_recipe_leads_back(example, until):
    example.remember("step", "train")
    async with WizardApp(example).run_test() as pilot:
        await until(pilot, "Go to Parameters")
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen.id == "parameters"


async def test_a_run_that_was_started_elsewhere_is_shown(project, make_job, until):
    job = make_job()
    job.losses(3.2, 2.9, 2.5)
    job.log("step 3/400 loss 2.5")
    job.status("running", 3)
    project.remember("step", "train")
    async with WizardApp(project).run_test(size=(120, 40)) as pilot:
        await until(pilot, "step 3 of 400")
        await until(pilot, "Training…")
        job.status("finished", 400, ended=job.now)
        await until(pilot, "Go on to Export")


@pytest.mark.parametrize("step", ["export", "ollama", "chat"])
async def test_a_step_with_nothing_to_work_on_says_what_is_missing(project, until, step):
    project.remember("step", step)
    async with WizardApp(project).run_test(size=(80, 24)) as pilot:
        await until(pilot, "Train" if step == "export" else "Export")
        button = pilot.app.screen.query_one("#primary", Button)
        assert button.region.bottom <= 24 and str(button.label)


async def test_dataset_looks_its_samples_over_after_the_build(example, until):
    sheet = example.sources / "faq.csv"
    sheet.write_text("Card Name,Upright Meaning,Reversed Meaning\nX,same,a.wang@gmail.com\nY,ok,fine\n")
    for other in example.sources.iterdir():
        if other != sheet:
            other.unlink()
    rules = 'samples:\n  - {instruction: "{Card Name}?", output: "{Reversed Meaning}"}\n'
    (example.templates / "tarot-en.yaml").write_text(rules)
    example.remember("step", "dataset")
    async with WizardApp(example).run_test(size=(120, 40)) as pilot:
        await until(pilot, "a.wang@gmail.com")
        await pilot.press("enter")
        await until(pilot, "tarot-en: 2 samples, 1 of them with something to look at (c).")
