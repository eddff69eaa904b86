"""What can be reached by name or by one more key: actions, steps, runs, colours, languages, words."""

from __future__ import annotations

import pytest

from tarot_tui.cli import main
from tarot_tui.glossary import WORDS
from tarot_tui.locale import _
from tarot_tui.tui import offers, steps
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.pick import Entry, found
from tarot_tui.tui.screens.watch import WatchScreen


@pytest.fixture(autouse=True)
def at_export(project):
    """The wizard opens where it does no work of its own."""
    project.remember("step", "export")


async def test_the_palette_offers_every_action_that_is_possible_and_all_places(project, make_job):
    make_job().status("running", 3)
    async with WizardApp(project).run_test() as pilot:
        await pilot.pause()
        entries = offers.everything(pilot.app)
        notes = {entry.note for entry in entries}
        keyed = [key for key in pilot.app.screen.key_table if key.action and "{key}" not in key.action]
        possible = [key for key in keyed if pilot.app.screen.is_possible(key.verb)]
        assert {_(key.help) for key in possible if "palette" not in key.action} <= notes
        # Nothing is there to be proven, stopped or exported again.
        assert not {_(key.help) for key in keyed if key not in possible} & notes
        assert len(keyed) - len(possible) >= 4
        assert {_(step.purpose) for step in steps.STEPS} <= notes
        labels = " ".join(entry.label for entry in entries)
        assert "deck" in labels and "The Tower" in labels and "繁體中文" in labels


async def test_a_command_is_found_by_typing_and_run(project, until):
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("ctrl+p")
        await until(pilot, "type to find")
        await pilot.press(*"step chat")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert pilot.app.screen.id == "chat"


async def test_what_nothing_is_called_is_said_and_escape_leaves(project, until):
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("ctrl+p")
        await pilot.press(*"zzzz")
        await until(pilot, "Nothing is called that.")
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert pilot.app.screen.id == "export"


def test_what_begins_with_the_words_comes_first():
    entries = [Entry("Redraw", 1, "step"), Entry("Step: Chat", 2), Entry("Other step", 3), Entry("None", 4)]
    assert [entry.value for entry in found(entries, "step")] == [2, 3, 1]
    assert [entry.value for entry in found(entries, "")] == [1, 2, 3, 4]


async def test_g_and_one_more_key_lead_to_a_step_or_a_run(project, make_job, text_of):
    job = make_job()
    job.status("running", 3)
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("g")
        await pilot.pause()
        assert "c Chat" in text_of(pilot.app) and f"1 {job.folder.name}" in text_of(pilot.app)
        await pilot.press("c")
        await pilot.pause()
        await pilot.pause()
        assert pilot.app.screen.id == "chat"
        await pilot.press("escape", "g", "1")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(pilot.app.screen, WatchScreen)
        await pilot.press("q")
        await pilot.pause()
        assert pilot.app.screen.id == "chat"


async def test_a_word_is_looked_up_without_leaving_the_screen(project, until):
    async with WizardApp(project).run_test() as pilot:
        await pilot.press("W")
        await pilot.press(*"kl div")
        await until(pilot, "answers of two models")
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen.id == "export"


def test_words_are_found_by_any_of_their_names_and_what_is_near_is_said(capsys):
    assert main(["glossary", "lora_rank"]) == 0
    assert "How much room the adapter has" in capsys.readouterr().out
    assert main(["glossary", "quantsation"]) == 2
    assert "quantisation" in capsys.readouterr().err
    names = [name.casefold() for word in WORDS for name in word.names]
    assert len(names) == len(set(names))
