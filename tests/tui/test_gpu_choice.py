"""On which GPUs a training runs, chosen in the wizard: only where there is a choice; remembered, planned and started so."""

from __future__ import annotations

import json
import os
import time

import pytest
from fakes import nvml

from tarot_tui.jobs import files, identity, spec
from tarot_tui.tui import spread
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.screens.gpus import GpusScreen
from tarot_tui.tui.spread import Spread
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.shell_line import ShellLine

ASK_THE_MACHINE = spread.slurm_here


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch):
    """Whatever this machine has."""
    monkeypatch.setattr(spread, "slurm_here", lambda: False)


@pytest.fixture
def settled(project):
    """A project in the Train step, with a recipe that is settled."""
    (project.recipes / "here.yaml").write_text("model_name_or_path: base\ndataset: deck\n")
    project.remember("step", "train")
    project.remember("recipe", "here")
    return project


@pytest.fixture
def planned(monkeypatch):
    """The commands whose plans were asked for, the latest last."""
    asked = []
    monkeypatch.setattr(PlanView, "compute", lambda _view, _project, argv, *_more, **_how: asked.append(argv))
    return asked


@pytest.fixture
def four_gpus(tmp_path, monkeypatch):
    """GPU 0 is used by this process, GPU 3 is lost."""
    folder = nvml.build(tmp_path / "nvml")
    settings = {"NVML_STILL": 1, "NVML_USED": "0:40000,1:500,2:500", "NVML_PROCESSES": f"0:{os.getpid()}"}
    for name, value in nvml.environment(folder, NVML_GPUS=4, NVML_LOST="3:1", **settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(spread, "gpus_here", lambda: 4)


def hold(project, gpu):
    """A run that was given a GPU and has not touched it yet."""
    job = spec.create(project, "export", "other", ["true"], {}, {"CUDA_VISIBLE_DEVICES": gpu})
    me = identity.of(os.getpid()).as_dict()
    found = {"state": "starting", "heartbeat": time.time(), "supervisor": me, "worker": me}
    files.write_json(job / files.STATUS, found)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_gpus_are_ticked_and_the_plan_is_made_for_them(
    settled, planned, four_gpus, until, text_of, size
):
    hold(settled, "1")
    app = WizardApp(settled)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.screen.query_one(ShellLine).command.endswith("train here")
        await pilot.press("c")
        await until(pilot, "GPU 2")
        lines = {line.split()[3]: line for line in text_of(app).splitlines() if "[ ] GPU" in line}
        assert str(os.getpid()) in lines["0"] and "free" in lines["0"]
        assert "a run of this project" in lines["1"]
        assert "idle" in lines["2"]
        assert "lost" in lines["3"]
        await pilot.press("space", "down", "down", "space")
        await until(pilot, "on each of these GPUs: 0, 2.")
        assert app.screen.query_one(ShellLine).command.endswith("train here --gpu-ids 0,2")
        assert app.screen.query_one("#processes").disabled
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen.query_one(ShellLine).command.endswith("train here --gpu-ids 0,2")
        assert planned[-1][-3:] == ["--gpu-ids", "0,2", "--dry-run"]
        assert spread.chosen(settled) == Spread(("0", "2"))
        await pilot.press("c")
        await until(pilot, "[x] GPU 2")
        await pilot.press("x")
        app.screen.query_one("#processes", Choice).choose(3)
        await until(pilot, "--num-processes 3")
        await pilot.press("escape")
        await pilot.pause()
        assert spread.chosen(settled) == Spread(("0", "2"))


async def test_nothing_is_asked_where_there_is_nothing_to_choose(settled, planned, monkeypatch):
    monkeypatch.setattr(spread, "gpus_here", lambda: 1)
    app = WizardApp(settled)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not app.screen.query_one("#gpus").display
        await pilot.press("c")
        await pilot.pause()
        assert not isinstance(app.screen, GpusScreen)


async def test_a_recipe_that_shares_its_model_out_is_asked_for_its_processes(
    settled, planned, monkeypatch, until
):
    monkeypatch.setattr(spread, "gpus_here", lambda: 0)
    (settled.recipes / "here.yaml").write_text("model_name_or_path: base\ndataset: deck\nfsdp: full_shard\n")
    app = WizardApp(settled)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("c")
        await pilot.press("right")
        await until(pilot, "--num-processes 2")
        await pilot.press("enter")
        await pilot.pause()
        assert planned[-1][-3:] == ["--num-processes", "2", "--dry-run"]


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A machine that gives jobs to Slurm."""
    program = tmp_path / "bin/sbatch"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(spread, "slurm_here", ASK_THE_MACHINE)
    monkeypatch.setenv("PATH", str(program.parent))


async def test_where_there_is_slurm_a_run_can_be_given_to_it(settled, planned, sbatch, until):
    app = WizardApp(settled)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("c", "right", "down", "right")
        await until(pilot, "--slurm --gpus 2")
        await pilot.press("tab", *"a b", "enter")
        await until(pilot, "a b is no name of a partition")
        assert isinstance(app.screen, GpusScreen)
        await pilot.press("backspace", "backspace", "enter")
        await pilot.pause()
        assert planned[-1][-6:] == ["--slurm", "--partition", "a", "--gpus", "2", "--dry-run"]
    assert spread.chosen(settled) == Spread((), 2, True, "a")


def test_slurm_is_forgotten_where_it_is_not(project, sbatch, monkeypatch):
    spread.choose(project, Spread((), 2, True, "-x"))
    assert spread.words(project) == ["--slurm", "--gpus", "2"]
    monkeypatch.setenv("PATH", "")
    assert spread.words(project) == ["--num-processes", "2"]


def test_what_was_chosen_holds_for_this_machine_only_and_a_damaged_note_for_none(project, tmp_path):
    spread.choose(project, Spread(("0", "2")))
    assert spread.words(project) == ["--gpu-ids", "0,2"]
    kept = project.recall("spread")
    for damaged in (
        kept | {"machine": "another"},
        kept | {"gpus": ["--sbatch", "a,b"], "processes": "many"},
        "two",
    ):
        project.remember("spread", json.loads(json.dumps(damaged)))
        assert spread.words(project) == []
    for name in ("nvidia0", "nvidia11", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert spread.gpus_here(tmp_path) == 2
