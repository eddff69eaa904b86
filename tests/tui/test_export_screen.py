"""The Export step: what an export takes is said before it starts, and any quantisation can be chosen."""

from __future__ import annotations

import shutil

import pytest
import yaml
from textual.widgets import Button

from tarot_tui.export.llama_quantize import FOREIGN, all_names
from tarot_tui.export.release import write_release
from tarot_tui.jobs import files
from tarot_tui.tui import quants
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.shell_line import ShellLine


@pytest.fixture
def trained(project, tiny_llama, make_job):
    """A project on the Export step, with a finished run that trained the tiny model whole."""
    job = make_job()
    spec = yaml.safe_load((job.folder / files.SPEC).read_text())
    spec["request"] = {"finetuning_type": "full", "base": str(tiny_llama)}
    (job.folder / files.SPEC).write_text(yaml.safe_dump(spec, sort_keys=False))
    shutil.copytree(tiny_llama, job.folder, dirs_exist_ok=True)
    job.status("finished", 400)
    project.remember("step", "export")
    return job


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_rare_quantisation_is_chosen_from_all_and_kept(trained, project, until, size):
    app = WizardApp(project)
    async with app.run_test(size=size) as pilot:
        await until(pilot, "GB free")
        chosen = app.screen.query_one("#quant", Choice)
        assert chosen.value == "q8_0"
        await pilot.press("m", *"q4_k_s", "enter")
        await until(pilot, "< q4_k_s >")
        assert "--quant q4_k_s" in app.screen.query_one(ShellLine).command
        # Looking at the help, and whatever else comes back here, leaves it as it was chosen.
        await pilot.press("question_mark", "escape")
        await pilot.pause()
        assert chosen.value == "q4_k_s"
        await until(pilot, "GB free")


async def test_a_run_that_still_goes_on_is_not_exported_unawares(trained, project, until):
    trained.status("running", 200)
    async with WizardApp(project).run_test(size=(80, 24)) as pilot:
        await until(pilot, "still goes on")


def test_every_quantisation_is_offered_that_needs_no_importance_matrix():
    assert [name for name, _bits, _said in quants.every()] == [
        name for name in all_names() if name not in FOREIGN or FOREIGN[name].blind
    ]
    assert [name for _label, name in quants.usual("q2_k")] == [
        "q8_0",
        "q4_k_m",
        "q5_k_m",
        "q6_k",
        "f16",
        "q2_k",
    ]


async def test_one_comes_back_from_another_export_to_the_model_that_is_there(trained, project, until):
    folder = project.models / "deck"
    folder.mkdir()
    (folder / "deck.gguf").write_bytes(b"GGUF" + bytes(1000))
    facts = {
        "ggufs": {"q8_0": {"file": "deck.gguf"}},
        "template": {"template": "x"},
        "base": {"name": "tiny"},
        "merged": False,
    }
    write_release(
        folder,
        facts
        | {
            "run": trained.folder.name,
            "findings": [],
            "conversations": [],
            "system": "",
            "stops": [],
            "parameters": {},
            "license": "",
        },
    )
    async with WizardApp(project).run_test(size=(80, 24)) as pilot:
        await until(pilot, "deck is ready")
        await pilot.press("e")
        await until(pilot, "Will make models/deck-2")
        await until(pilot, "GB free")
        await pilot.press("escape")
        await until(pilot, "deck is ready")
        assert "Back" not in "".join(str(one.label) for one in pilot.app.screen.query(Button) if one.display)
