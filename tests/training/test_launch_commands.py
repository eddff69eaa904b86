"""What is to be typed to launch: on the other machines, again after a finding, and the files that it leads to."""

from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser

import pytest

from tarot_tui.cli import main, train
from tarot_tui.cli.parallel import commands_elsewhere, launch_words
from tarot_tui.errors import BadInput
from tarot_tui.jobs import launch, status
from tarot_tui.training.launch import make_job
from tarot_tui.training.parallel import layout
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import dump


@pytest.fixture
def planned(cards, tiny_recipe):
    """A project with the recipe ``cards``, the recipe and its plan."""
    recipe = tiny_recipe(num_train_epochs=2)
    (cards.recipes / "cards.yaml").write_text(dump(recipe))
    return cards, recipe, plan_in_child(cards, recipe)


def read(words):
    """What ``tarot-tui train`` understands."""
    parser = ArgumentParser()
    train.arguments(parser)
    return parser.parse_args(words)


def test_the_lines_for_the_other_machines_can_be_pasted_anywhere_and_are_said_again_on_resume(
    planned, capsys, monkeypatch
):
    project, recipe, plan = planned
    parallel = layout(2, 2, "127.0.0.1")
    job = make_job(project, recipe, plan, "on two", parallel)
    (line,) = commands_elsewhere(job, parallel)
    program, option, root, verb, *words = shlex.split(line)
    assert (program, option, root, verb) == ("tarot-tui", "--project", str(project.root), "train")
    assert (read(words).join, read(words).machine_rank) == (job.name, 1)
    monkeypatch.setattr(launch, "start", status.read)  # the processes are no part of this
    assert main(["--project", str(project.root), "resume", job.name]) == 0
    assert line in capsys.readouterr().out


def test_how_it_was_to_be_launched_is_part_of_every_command_that_mends_it():
    for words in (
        [],
        ["--num-processes", "4", "--num-machines", "2", "--main-process-ip", "10.0.0.1"],
        ["--slurm", "--nodes", "2", "--gpus", "8", "--time", "1:00:00", "--sbatch", "constraint=a&b"],
    ):
        once = read(words)
        assert sorted(launch_words(once)) == sorted(words)


def test_the_files_are_shown_before_anything_starts_and_can_be_taken_over(planned, capsys):
    project, _recipe, _plan = planned
    typed = [
        "--project",
        str(project.root),
        "train",
        "cards",
        "--dry-run",
        "--show-files",
        "--num-processes",
        "2",
    ]
    assert main([*typed, "--set", "deepspeed=z3"]) == 3
    said = capsys.readouterr().out
    assert "needs the package" in said or "GPUs, and there is none" in said
    mends = next(line for line in said.splitlines() if "--set deepspeed=null" in line)
    assert "--num-processes 2" in mends
    text = said.partition("# ds_config.json\n")[2].partition("\n\nTo change it")[0]
    (project.root / "ds_config.json").write_text(text)
    assert json.loads(text)["zero_optimization"]["stage"] == 3
    assert "--set deepspeed=ds_config.json" in said
    assert main([*typed, "--set", "deepspeed=ds_config.json"]) == 3
    assert text in capsys.readouterr().out
    assert main(typed) == 0
    assert "distributed_type: MULTI_GPU" in capsys.readouterr().out


def test_gpus_that_are_not_there_are_a_plain_mistake(planned, capsys, monkeypatch):
    project, _recipe, _plan = planned
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    typed = ["--project", str(project.root), "train", "cards", "--gpu-ids", "0,2"]
    assert main([*typed, "--num-processes", "3"]) == BadInput.exit_code
    assert "2 GPUs" in capsys.readouterr().err
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # and given back afterwards
    assert main(typed) == BadInput.exit_code
    assert "0,2" in capsys.readouterr().err
