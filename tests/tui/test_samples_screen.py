"""The pager and the check of a dataset, as one would use them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import pytest
from textual.widgets import Input

from tarot_tui.cli import data
from tarot_tui.data import dataset, overlay, registry, samples
from tarot_tui.data.overlay import Wish
from tarot_tui.locale import set_language
from tarot_tui.training.child import command
from tarot_tui.training.lengths import Lengths
from tarot_tui.tui import commands
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.asked import Asked
from tarot_tui.tui.likely_model import Likely
from tarot_tui.tui.screens.check import CheckScreen
from tarot_tui.tui.screens.samples import SamplesScreen

SIZES = [(80, 24), (160, 50)]


@pytest.fixture
def deck(project):
    """Three hundred cards, some of them faulty."""
    rows = [
        {"instruction": f"Card {n}?", "input": "", "output": f"Meaning {n}, " + "word " * (n % 40)}
        for n in range(1, 301)
    ]
    rows[6]["output"] = ""
    rows[8]["output"] = "zero\u200bwidth"
    rows[10]["output"] = "write to a.wang@gmail.com"
    samples.write(project.data / "deck.json", rows)
    registry.register(project, "deck", registry.alpaca("deck.json", system=False))
    project.remember("step", "dataset")
    project.remember("dataset", "deck")
    return project


@pytest.fixture
def recipe(deck, smollm2):
    """A recipe, so that a model is known."""
    (deck.recipes / "here.yaml").write_text(f"model_name_or_path: {smollm2}\ndataset: deck\ncutoff_len: 60\n")


def outputs(project):
    return [sample["output"] for sample in dataset.samples(project, "deck")]


async def test_samples_are_paged_jumped_to_and_searched(deck, until, text_of):
    app = WizardApp(deck)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("v")
        await until(pilot, "1 of 300")
        assert "Card 1?" in text_of(app)
        await pilot.press("right")
        await until(pilot, "Card 2?")
        await pilot.press("p")
        await until(pilot, "Card 1?")
        await pilot.press("g", *"299", "enter")
        await until(pilot, "Card 299?")
        await pilot.press("end")
        await until(pilot, "300 of 300")
        await pilot.press("right")
        await pilot.press("slash", *"card 150", "enter")
        await until(pilot, "Card 150?")
        assert "Searched on from the first" in text_of(app)
        await pilot.press("slash", *("backspace",) * 10, *"nowhere", "enter")
        await until(pilot, "No sample says 'nowhere'")
        await pilot.press("g", *"999", "enter")
        await until(pilot, "there is no sample 999")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.id == "dataset"


async def test_letters_in_the_field_are_text_and_escape_leaves_it_first(deck, until):
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        await until(pilot, "1 of 300")
        await pilot.press("slash", "q", "d")
        assert app.screen.query_one("#field", Input).value == "qd"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, SamplesScreen) and not app.screen.query_one("#asked").display
    assert not overlay.path_of(deck, "deck").exists()


async def test_a_sample_is_dropped_taken_in_again_and_changes_are_undone(deck, until):
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        await until(pilot, "1 of 300")
        await pilot.press("d")
        await until(pilot, "left out  1 of 300")
        assert len(outputs(deck)) == 299
        await pilot.press("d")
        await until(pilot, "taken in again")
        assert len(outputs(deck)) == 300
        await pilot.press("u")
        await until(pilot, "left out  1 of 300")
        await pilot.press("u")
        await until(pilot, "Took back")
        await pilot.press("u")
        await until(pilot, "nothing to take back")
    assert len(outputs(deck)) == 300


async def test_an_edited_sample_is_shown_as_it_is_now_also_after_a_rebuild(deck, until):
    file = deck.data / "deck.json"
    rows = json.loads(file.read_text())
    overlay.add(deck, "deck", file, [Wish(2, rows[1], "edit", rows[1] | {"output": "Mended."})])
    file.write_text(json.dumps(rows[1:]))
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        await until(pilot, "edited  1 of 299")
        await until(pilot, "Mended.")
        file.write_text(json.dumps(rows))
        await pilot.press("right", "right")
        await until(pilot, "Card 3?")
        await pilot.press("left")
        await until(pilot, "edited  2 of 300")


async def test_a_sample_that_cannot_be_read_is_shown_as_it_stands(deck, until, text_of):
    (deck.data / "deck.json").write_text('{"instruction": "x", "output": 5}\n\x1b[31mbroken\n')
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        # Wrapped somewhere, after a path of any length.
        await until(pilot, lambda: "must be text" in " ".join(text_of(app).split()))
        await pilot.press("right")
        await until(pilot, "not valid JSON")
        await until(pilot, "broken")


@pytest.mark.slow
async def test_the_models_view_marks_what_is_learned(deck, recipe, until):
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        await until(pilot, "1 of 300")
        await pilot.press("m")
        await until(pilot, "<|im_start|>assistant")
        await until(pilot, "learned and underlined: ")
        await pilot.press("g", *"39", "enter")
        await until(pilot, "struck through: ")
        await pilot.press("m")
        await until(pilot, "answer")


async def test_without_a_recipe_no_model_is_guessed(deck, until):
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(SamplesScreen(deck, "deck"))
        await until(pilot, "1 of 300")
        await pilot.press("m")
        await until(pilot, "Choose a recipe in the Parameters step")


@pytest.mark.parametrize("size", SIZES)
async def test_the_check_shows_findings_and_mends_them_on_a_key(deck, until, text_of, size):
    app = WizardApp(deck)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("c")
        await until(pilot, "1 samples have an empty question or answer.")
        assert "300 samples, 300 answers" in text_of(app)
        shown = text_of(app)
        assert "data check deck" in shown and "Choose a recipe" in shown
        await pilot.press("a")
        await until(pilot, "Mended 2 samples")
        await until(pilot, "1 dropped, 1 edited")
        assert outputs(deck)[7] == "zerowidth" and "a.wang@gmail.com" in outputs(deck)[9]
        assert "personal data" in text_of(app)
        await pilot.press("f")
        await until(pilot, "2 edited")
        assert "[e-mail]" in outputs(deck)[9]
        await pilot.press("u")
        await until(pilot, "Took back")
        assert "a.wang@gmail.com" in outputs(deck)[9]


async def test_the_samples_of_a_finding_are_paged_through(deck, until):
    app = WizardApp(deck)
    async with app.run_test() as pilot:
        app.push_screen(CheckScreen(deck, "deck"))
        await until(pilot, "personal data")
        await pilot.press("s")
        await until(pilot, "11 (1 of 1)")
        await pilot.press("d")
        await until(pilot, "left out  11 (1 of 1)")
        await pilot.press("escape")
        await until(pilot, "1 dropped")


@pytest.mark.slow
async def test_the_check_counts_tokens_as_the_recipes_model_does(deck, recipe, until):
    app = WizardApp(deck)
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(CheckScreen(deck, "deck"))
        await until(pilot, "tokens a sample: ")
        await until(pilot, "cut at 60")
        await until(pilot, "lose a part of their answer")
        await pilot.press("end")


@pytest.mark.parametrize("size", SIZES)
async def test_the_screens_speak_chinese_and_fit(deck, until, text_of, size):
    set_language("zh_TW")
    app = WizardApp(deck)
    async with app.run_test(size=size) as pilot:
        for screen in (SamplesScreen(deck, "deck"), CheckScreen(deck, "deck")):
            app.push_screen(screen)
            await pilot.pause()
            assert "esc" in text_of(app).splitlines()[-1]
            assert all(widget.region.bottom <= size[1] for widget in screen.children)


async def test_a_child_that_is_asked_twice_is_started_once_and_again_after_its_death(smollm2, deck):
    child = Asked(command("tarot_tui.training.lengths"))
    request = {"project": str(deck.root), "name": "deck", "model": str(smollm2), "cutoff_len": 100}
    first = Lengths(**await child.ask(request))
    process = child._process
    assert Lengths(**await child.ask(request)) == first and child._process is process
    os.kill(process.pid, 9)
    await process.wait()
    assert Lengths(**await child.ask(request)) == first
    await child.close()


def test_an_editor_gets_the_terminal_and_gives_it_back(deck, open_terminal, tmp_path):
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, pathlib\nprint('THE EDITOR', flush=True)\ninput()\npath = pathlib.Path(sys.argv[-1])\n"
        "path.write_text(path.read_text().replace('Meaning 1', 'By hand'))\n"
    )
    terminal = open_terminal(
        [sys.executable, "-m", "tarot_tui", str(deck.root)],
        EDITOR=f"{sys.executable} {editor}",
        TAROT_TUI_LANG="en",
    )
    terminal.wait_for("Go on to")
    terminal.send("v")
    terminal.wait_for("1 of 300")
    terminal.send("e")
    terminal.wait_for("THE EDITOR")
    terminal.send("\n")
    terminal.wait_for("By hand")
    terminal.send("q")
    terminal.wait_for("step 2 of 7")
    terminal.send("q")
    assert terminal.wait_end() == 0
    assert outputs(deck)[0].startswith("By hand")


def test_the_pager_holds_none_of_the_heavy_packages():
    code = (
        "import sys, tarot_tui.tui.screens.samples, tarot_tui.tui.screens.check, tarot_tui.tui.screens.dataset;"
        "print({'torch', 'transformers', 'pandas', 'numpy', 'opencc', 'pydantic', 'yaml'} & set(sys.modules))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )


async def test_what_the_recipe_measures_on_is_compared(deck, until, tmp_path):
    rows = [{"instruction": "Card 3?", "input": "", "output": "Again."}]
    samples.write(deck.data / "exam.json", rows)
    registry.register(deck, "exam", registry.alpaca("exam.json", system=False))
    recipe = f"model_name_or_path: {tmp_path}\ndataset: deck\neval_dataset: exam\n"
    (deck.recipes / "here.yaml").write_text(recipe)
    deck.remember("recipe", "here")
    app = WizardApp(deck)
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(CheckScreen(deck, "deck"))
        await until(pilot, "1 samples to measure on are learned too")
        await until(pilot, "--eval exam")
        await until(pilot, "is not a whole model")


def test_the_shown_commands_are_accepted_as_they_stand():
    name = "塔羅 deck"
    likely = Likely("some/model", 512, {name: "exam"})
    parser = argparse.ArgumentParser()
    data.arguments(parser)
    show = parser.parse_args(commands.data_show(name, 7, likely)[1:])
    assert (show.numbers, show.as_trained, show.model, show.cutoff_len) == ([7], True, "some/model", 512)
    check = parser.parse_args(commands.data_check(name, likely, ["empty", "secret"])[1:])
    assert (check.fix, check.held_out, check.cutoff_len) == (["empty", "secret"], "exam", 512)
    assert parser.parse_args(commands.data_check(name)[1:]).fix is None
