"""The wizard's frame: welcome, rail, keys, where it was left, and that everything fits on the screen."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import subprocess
import sys
import types

import pytest
from textual.widgets import Button, Input

from tarot_tui import cli
from tarot_tui.locale import set_language
from tarot_tui.project import create
from tarot_tui.tui import keys, steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.child import typed
from tarot_tui.tui.screens.help import HelpScreen
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.rail import Rail
from tarot_tui.tui.widgets.shell_line import ShellLine

SIZES = [(80, 24), (120, 40), (160, 50)]


@pytest.fixture(autouse=True)
def no_checks(monkeypatch):
    """The doctor's checks take seconds each; what the Environment step does with them is tested with the step."""
    quick = types.SimpleNamespace(run=lambda on_finding: [])
    monkeypatch.setitem(sys.modules, "tarot_tui.doctor.run", quick)


def shown_rail(app: WizardApp) -> str:
    """The rail as text."""
    return app.screen.query_one(Rail).render().plain


async def test_without_a_project_the_wizard_makes_one_where_it_says(tmp_path):
    (tmp_path / "thesis.docx").touch()
    app = WizardApp(None, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.screen.id == "welcome"
        assert app.screen.query_one(Input).value == str(tmp_path / "my-model")
        await pilot.press("tab", "enter")
        await pilot.pause()
        assert app.screen.id == "environment"
    assert (tmp_path / "my-model" / "tarot.yaml").is_file()
    assert not list((tmp_path / "my-model" / "sources").iterdir())


async def test_a_folder_that_cannot_become_a_project_is_said_in_place(tmp_path):
    (tmp_path / "in-the-way").touch()
    app = WizardApp(None, tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "in-the-way")
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.id == "welcome"
        assert "in-the-way" in str(app.screen.query_one("#notice").render())


async def test_the_wizard_opens_where_it_was_left(project):
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("5")
        await pilot.pause()
    app = WizardApp(project)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.screen.id == "export"


async def test_digits_and_n_and_p_walk_the_steps(project):
    app = WizardApp(project)
    async with app.run_test() as pilot:
        await pilot.pause()
        visited = []
        for key in ("7", "1", "n", "n", "p"):
            await pilot.press(key)
            await pilot.pause()
            visited.append(app.screen.id)
        assert visited == ["chat", "environment", "dataset", "parameters", "dataset"]


async def test_letters_typed_into_a_field_stay_there_until_escape(project):
    project.remember("step", "dataset")
    app = WizardApp(project)
    async with app.run_test() as pilot:
        await pilot.pause()
        box = app.screen.query_one("#name", Input)
        box.value = ""
        box.focus()
        await pilot.press("q", "1", "n")
        assert (app.screen.id, box.value) == ("dataset", "q1n")
        await pilot.press("escape", "3")
        await pilot.pause()
        assert app.screen.id == "parameters"


async def test_the_main_button_does_its_work_once(project):
    project.remember("step", "dataset")
    app = WizardApp(project)
    async with app.run_test() as pilot:
        await pilot.pause()
        done = []
        app.screen.offer("Do it", lambda: done.append(1))
        app.screen.query_one("#primary").focus()
        await pilot.press("enter")
        app.screen.query_one("#name").focus()
        await pilot.press("enter")
        await pilot.pause()
        assert done == [1, 1]


async def test_ctrl_n_goes_on_from_inside_a_field(project):
    project.remember("step", "dataset")
    app = WizardApp(project)
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one("#name", Input).focus()
        await pilot.press("ctrl+n")
        await pilot.pause()
        assert app.screen.id == "parameters"


async def test_the_help_lists_every_key_of_the_step(project):
    project.remember("step", "train")
    app = WizardApp(project)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        expected = {key.help for key in (*app.screen.KEYS, *keys.WIZARD)}
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = " ".join(str(line.render()) for line in app.screen.query(".key"))
        assert all(sentence in text for sentence in expected)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.id == "train"


def test_every_key_of_the_table_is_bound_to_something_the_screen_can_do():
    for step in steps.IDS:
        module = importlib.import_module(f"tarot_tui.tui.screens.{step}")
        screen = getattr(module, f"{step.capitalize()}Screen")
        for key in (*screen.KEYS, *keys.WIZARD):
            name = key.action.partition("(")[0]
            owner = WizardApp if name.startswith("app.") else screen
            if not name:
                continue  # bound by a widget
            assert hasattr(owner, f"action_{name.removeprefix('app.')}"), key


@pytest.mark.parametrize("language", ["en", "zh_TW"])
@pytest.mark.parametrize("size", SIZES)
async def test_at_every_size_and_language_the_main_button_is_whole_and_on_the_screen(project, size, language):
    set_language(language)
    try:
        app = WizardApp(project)
        async with app.run_test(size=size) as pilot:
            for step in steps.IDS:
                app.go(step)
                await pilot.pause()
                assert isinstance(app.screen, StepScreen)
                button = app.screen.query_one("#primary", Button)
                assert button.region.height == 1
                assert app.screen.region.contains_region(button.region), step
                assert button.region.width >= button.label.cell_length, step
                for other in app.screen.query("#actions Button"):
                    if other.display:
                        assert app.screen.region.contains_region(other.region), (step, other.id)
                assert app.screen.query_one(ShellLine).region.bottom < size[1], step
    finally:
        set_language("en")


async def test_the_rail_says_in_words_what_the_folder_holds(project):
    (project.data / "dataset_info.json").write_text(json.dumps({"cards": {"file_name": "cards.json"}}))
    project.remember("step", "export")
    app = WizardApp(project)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        assert "2 ✓ Dataset\n    done: cards" in shown_rail(app)
        assert "5 ▶ Export\n    here" in shown_rail(app)
        assert "7 · Chat\n    to do" in shown_rail(app)


async def test_the_rail_follows_the_folder_when_another_login_changes_it(project):
    project.remember("step", "export")
    app = WizardApp(project)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "2 · Dataset" in shown_rail(app)
        (project.data / "dataset_info.json").write_text(json.dumps({"cards": {"file_name": "cards.json"}}))
        await pilot.press("r")
        await pilot.pause()
        assert "2 ✓ Dataset" in shown_rail(app)


def test_an_environment_proven_elsewhere_does_not_count_here(project):
    project.remember("environment", {"machine": "another", "error": 0, "warning": 0})
    assert not steps.marks(project)["environment"].done
    project.remember("environment", {"machine": steps.this_machine(), "error": 0, "warning": 2})
    assert steps.marks(project)["environment"].done
    project.remember("environment", {"machine": steps.this_machine(), "error": 1, "warning": 0})
    assert not steps.marks(project)["environment"].done


def test_a_damaged_folder_never_breaks_the_rail(project):
    (project.data / "dataset_info.json").write_text("{")
    (project.root / ".tarot").mkdir()
    (project.root / ".tarot" / "state.json").write_text("[1")
    (project.jobs / "20260101-000000-x").mkdir()
    (project.jobs / "20260101-000000-x" / "job.yaml").write_bytes(b"\xff")
    assert set(steps.marks(project)) == set(steps.IDS)
    assert steps.left_at(project) == "environment"


def accepted(argv: list[str]) -> argparse.Namespace:
    """``argv`` as the verb's own parser takes it; argparse exits when it does not."""
    parser = argparse.ArgumentParser()
    cli.common(parser)
    importlib.import_module(f"tarot_tui.cli.{argv[0]}").arguments(parser)
    return parser.parse_args(argv[1:])


async def test_a_shown_command_can_be_pasted_and_is_accepted_by_its_verb(project):
    (project.sources / "notes, 1.txt").write_text("The Fool begins.\n")
    (project.sources / "-odd name.csv").write_text("a,b\n1,2\n")
    app = WizardApp(project)
    async with app.run_test() as pilot:
        shown = {}
        for step in steps.IDS:
            app.go(step)
            await pilot.pause()
            shown[step] = app.screen.query_one(ShellLine).argv
        app.go("dataset")
        await pilot.pause()
        app.screen.query_one("#documents").deselect("sources/notes, 1.txt")
        await pilot.pause()
        shown["one document"] = app.screen.query_one(ShellLine).argv
    assert accepted(shown["dataset"]).sources
    for argv in filter(None, shown.values()):
        assert accepted(argv)
        assert shlex.split(typed(argv)) == ["tarot-tui", *argv]


_FIRST_PAINT = """
import asyncio, sys
from pathlib import Path
from tarot_tui.project import create
from tarot_tui.tui.app import WizardApp

async def main():
    project = create(Path(sys.argv[1]))
    project.remember("step", sys.argv[2])
    app = WizardApp(project)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.screen.id == sys.argv[2]
        print(" ".join(name for name in {m.partition(".")[0] for m in sys.modules}))

asyncio.run(main())
"""


@pytest.mark.parametrize("step", ["dataset", "train", "chat"])
def test_opening_the_wizard_loads_none_of_the_heavy_libraries(tmp_path, step):
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_PAINT, str(tmp_path / "p"), step],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    heavy = {"torch", "transformers", "peft", "pandas", "numpy", "httpx", "docx", "openpyxl", "jinja2"}
    assert not loaded & heavy
    assert "textual" in loaded


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm-256color"}])
def test_without_a_terminal_that_can_draw_it_names_the_commands_and_exits_2(tmp_path, environment):
    create(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tarot_tui", str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "TAROT_TUI_LANG": "en", **environment},
    )
    assert done.returncode == 2
    assert "tarot-tui train" in done.stderr
    assert len(done.stderr.splitlines()) == 1
