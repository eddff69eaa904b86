"""The look of the pager and of the check."""

from __future__ import annotations

import pytest

from tarot_tui.data import registry, samples
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.check import CheckScreen
from tarot_tui.tui.screens.samples import SamplesScreen


@pytest.fixture
def faulty(project):
    rows = [
        {
            "instruction": "愚者的正位是什麼意思？",
            "input": "",
            "output": "新的旅程即將展開，帶著好奇心輕裝上路。",
        },
        {"instruction": "魔術師的正位是什麼意思？", "input": "", "output": ""},
        {"instruction": "How do I reach the reader?", "input": "", "output": "Write to a.wang@gmail.com"},
        {"instruction": "How do I log in?", "input": "", "output": "password: Hunter2hunter"},
        {"instruction": "女祭司？", "input": "", "output": "直覺\u200b與智慧。"},
    ]
    samples.write(project.data / "deck.json", rows)
    registry.register(project, "deck", registry.alpaca("deck.json", system=False))
    project.remember("step", "dataset")
    return project


def test_the_look_of_a_sample(faulty, until, colours, snap_compare):
    async def shown(pilot):
        pilot.app.push_screen(SamplesScreen(faulty, "deck"))
        await until(pilot, "1 of 5")
        await pilot.press("d")
        await until(pilot, "left out  1 of 5")

    assert snap_compare(WizardApp(faulty), terminal_size=(80, 24), run_before=shown)


def test_the_look_of_a_check(faulty, until, colours, snap_compare):
    async def shown(pilot):
        pilot.app.push_screen(CheckScreen(faulty, "deck"))
        await until(pilot, "5 samples, 5 answers")
        await until(pilot, "Choose a recipe")

    assert snap_compare(WizardApp(faulty), terminal_size=(80, 24), run_before=shown)
