"""The language can be changed at any moment, is remembered, and fits on the smallest screen."""

from __future__ import annotations

import asyncio
import gettext
import json
import sys
import types

import pytest
from rich.cells import cell_len
from textual.widgets import Button, Input, Label, Static, TextArea

from tarot_tui.locale import LANGUAGES, from_environment, language, normalise, set_language
from tarot_tui.locale.simplified import catalogue, compiled
from tarot_tui.project import create
from tarot_tui.tui import steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.check import CheckScreen
from tarot_tui.tui.screens.gpus import GpusScreen
from tarot_tui.tui.screens.login import LoginScreen
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.screens.machine import MachineScreen
from tarot_tui.tui.screens.models import ModelsScreen
from tarot_tui.tui.screens.runs import RunsScreen
from tarot_tui.tui.screens.template import TemplateScreen
from tarot_tui.tui.watch_app import WatchApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.recipe_form import RecipeForm


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No checks of the machine, no server, and English again at the end."""
    monkeypatch.setitem(sys.modules, "tarot_tui.doctor.run", types.SimpleNamespace(run=lambda on_finding: []))
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    yield
    set_language("en")


async def test_another_language_is_spoken_at_once_by_every_step_and_the_next_time(
    project, until, monkeypatch
):
    project.remember("step", "export")
    async with WizardApp(project).run_test() as pilot:
        await until(pilot, "step 5 of 7")
        await pilot.press("2")
        await until(pilot, "step 2 of 7")
        await pilot.press("L")
        await until(pilot, "繁體中文")
        await pilot.press(*"繁", "enter")
        await until(pilot, "資料集")
        await pilot.press("5")
        await until(pilot, "匯出")
        assert "step 5" not in str(pilot.app.screen.query_one("#title").render())
    monkeypatch.delenv("TAROT_TUI_LANG")
    assert from_environment() == "zh_TW"


async def test_work_that_is_going_on_outlives_the_change(project, until):
    project.remember("step", "dataset")
    async with WizardApp(project).run_test() as pilot:
        await until(pilot, "step 2 of 7")
        building = pilot.app.screen
        building.building = True
        pilot.app.use_language("zh_TW")
        await pilot.pause()
        await until(pilot, "資料集")  # in the rail
        assert pilot.app.screen is building


async def test_a_watched_run_changes_too(project, make_job, until):
    job = make_job()
    job.status("running", 3)
    async with WatchApp(project, job.folder).run_test(size=(120, 40)) as pilot:
        await until(pilot, "help")
        pilot.app.use_language("zh_TW")
        await until(pilot, "說明")
        await until(pilot, "執行中")


@pytest.fixture
def built(project):
    """A project with a dataset of two samples, on the Dataset step."""
    samples = [{"instruction": f"What is {n}?", "input": "", "output": f"It is {n}."} for n in ("one", "two")]
    (project.data / "cards.json").write_text(json.dumps(samples))
    (project.data / "dataset_info.json").write_text(json.dumps({"cards": {"file_name": "cards.json"}}))
    project.remember("step", "dataset")
    return project


async def test_what_lies_over_a_step_changes_too_and_then_the_step(built, until, text_of):
    async with WizardApp(built).run_test(size=(100, 30)) as pilot:
        await until(pilot, "cards is ready")
        await pilot.press("v")
        await until(pilot, "1 of 2")
        await pilot.press("right")
        await until(pilot, "What is two?")
        pilot.app.use_language("zh_TW")
        await until(pilot, "第 2")
        assert "What is two?" in text_of(pilot.app) and "Samples of" not in text_of(pilot.app)
        await pilot.press("escape")
        await until(pilot, "步驟 2/7")


@pytest.mark.parametrize(
    ("opened", "before", "after"),
    [
        (lambda app: RunsScreen(app.project), "newest first", "訓練清單"),
        (lambda app: MachineScreen(app.project), "This machine", "這台機器"),
        (lambda app: ModelsScreen(app.project), "Base models", "基礎模型"),
        (lambda app: LoginScreen(app.project), "Hugging Face account", "帳號"),
        (lambda app: GpusScreen(app.project, ["train"]), "Processes", "行程"),
        (lambda app: CheckScreen(app.project, "cards"), "Check of cards", "檢查"),
    ],
)  # fmt: skip
async def test_every_screen_over_a_step_changes(built, until, text_of, opened, before, after):
    async with WizardApp(built).run_test(size=(100, 30)) as pilot:
        await until(pilot, "cards is ready")
        pilot.app.push_screen(opened(pilot.app))
        await until(pilot, before)
        pilot.app.use_language("zh_TW")
        await until(pilot, after)
        assert before not in text_of(pilot.app)


class Waiting(LookScreen):
    """Touches its widgets just while they are being made anew."""

    touched = False

    def compose(self):
        yield Lingering()
        yield Static(id="notice")

    def on_mount(self):
        self.gone = asyncio.Event()
        self.in_background(self.touch, "touch")

    async def touch(self):
        await self.gone.wait()
        self.touched = True
        self.fail("It does not work.")


class Lingering(Static):
    """Takes its time to go."""

    async def on_unmount(self):
        self.screen.gone.set()
        await asyncio.sleep(0.1)


async def test_work_that_ends_while_a_screen_changes_is_no_fault(project, until):
    async with WizardApp(project).run_test() as pilot:
        screen = Waiting()
        pilot.app.push_screen(screen)
        await until(pilot, lambda: screen.query("#notice"))
        pilot.app.use_language("zh_TW")
        await until(pilot, lambda: screen.touched and not screen.in_between and screen.query("#notice"))
        assert pilot.app.screen is screen


async def test_what_was_written_and_chosen_outlives_the_change(built, until, text_of):
    (built.templates / "mine.yaml").write_text("samples: []\n")
    async with WizardApp(built).run_test(size=(100, 30)) as pilot:
        await until(pilot, "cards is ready")
        pilot.app.push_screen(TemplateScreen(built, built.templates / "mine.yaml", []))
        await until(pilot, "samples: []")
        pilot.app.screen.query_one(TextArea).text = "samples: [half of it"
        pilot.app.use_language("zh_TW")
        for _turn in range(4):  # the app's, the screen's, its widgets': half made, a text cannot be drawn
            await pilot.pause()
        await until(pilot, "說明")
        assert "half of it" in text_of(pilot.app)
        pilot.app.pop_screen()
        await until(pilot, "步驟 2/7")
        pilot.app.screen.query_one("#name", Input).value = "another"
        await pilot.pause()
        pilot.app.use_language("en")
        await until(pilot, "step 2 of 7")
        assert pilot.app.screen.query_one("#name", Input).value == "another"


async def test_a_changed_recipe_is_kept_through_the_change(built, until):
    (built.recipes / "here.yaml").write_text("model_name_or_path: base\ndataset: cards\n")
    built.remember("step", "parameters")
    async with WizardApp(built).run_test(size=(100, 30)) as pilot:
        await until(pilot, "lora_rank")
        pilot.app.screen.query_one(RecipeForm).change({"lora_rank": 3})
        pilot.app.screen.query_one("#save-as", Input).value = "mine"
        pilot.app.use_language("zh_TW")
        await until(pilot, "參數")
        await until(pilot, "3/7")
        assert pilot.app.screen.query_one(RecipeForm).values()["lora_rank"] == 3
        assert pilot.app.screen.query_one("#save-as", Input).value == "mine"


async def test_the_welcome_changes_too(tmp_path, until):
    async with WizardApp(None, tmp_path).run_test() as pilot:
        await until(pilot, "seven steps")
        pilot.app.use_language("zh_CN")
        await until(pilot, "七个步骤")


def test_the_simplified_catalogue_is_made_of_the_traditional_one():
    with open(compiled("zh_CN"), "rb") as file:
        found = gettext.GNUTranslations(file)._catalog
    assert {k: v for k, v in found.items() if k} == {k: v for k, v in catalogue().items() if k}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("zh_CN.UTF-8", "zh_CN"),
        ("zh-Hans", "zh_CN"),
        ("zh_SG", "zh_CN"),
        ("zh", "zh_TW"),
        ("zh_Hant_CN", "zh_TW"),
    ],
)
def test_locale_names_find_the_script(name, code):
    assert normalise(name) == code


def wanted_and_given(screen):
    """(what, cells wanted, cells given) of every text of one line that is on the screen."""
    for button in screen.query(Button):
        yield button.id, cell_len(str(button.label)), button.size.width
    for label in screen.query(Label):
        yield str(label.render()), cell_len(str(label.render())), label.size.width
    for choice in screen.query(Choice):
        yield choice.id, cell_len(choice.render().plain), choice.size.width


@pytest.mark.parametrize("code", sorted(LANGUAGES))
async def test_nothing_is_clipped_on_the_smallest_screen(tmp_path, code, text_of):
    set_language(code)
    project = create(tmp_path / "deck", example=True)
    async with WizardApp(project).run_test(size=(80, 24)) as pilot:
        for step in steps.IDS:
            pilot.app.go(step)
            await pilot.pause()
            screen = pilot.app.screen
            visible = [
                one
                for one in wanted_and_given(screen)
                if one[2] and one[0] not in ("vote-a", "vote-b", "vote-tie")
            ]
            assert [one for one in visible if one[1] > one[2]] == [], f"{step}\n{text_of(pilot.app)}"
            for widget in screen.query("#title, #purpose, #notice, #actions Button, ShellLine, KeyLine"):
                if widget.display and widget.size.height:
                    assert screen.region.contains_region(widget.region), (step, widget)
            assert language() == code
