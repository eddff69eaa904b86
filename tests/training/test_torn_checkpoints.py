"""A checkpoint that could not be written to its end costs none before it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tarot_tui.jobs.classify import Ending, classify
from tarot_tui.project import create
from tarot_tui.training.engines.checkpoints import is_complete, last_complete
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child


@pytest.fixture
def small_disk(mount_small_disk):
    """A file system of its own, and a way to change its size in bytes."""
    place = mount_small_disk("64m")

    def resize(size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)

    return place, resize


def test_a_full_disk_while_a_checkpoint_is_saved_leaves_the_one_before_to_go_on_from(
    small_disk, add_dataset, tiny_recipe, train_here, metrics
):
    place, resize = small_disk
    project = create(place / "project")
    add_dataset(project, "cards", [(f"Card {n}?", f"Number {n}.") for n in range(8)])
    recipe = tiny_recipe(max_steps=8)
    plan = plan_in_child(project, recipe)
    whole = make_job(project, recipe, plan, "whole")
    train_here(whole)
    checkpoint = sum(path.stat().st_size for path in (whole / "checkpoint-2").rglob("*"))

    job = make_job(project, recipe, plan, "cut-off")
    resize(shutil.disk_usage(place).used + 2 * checkpoint + checkpoint // 2)
    with pytest.raises(Exception) as full:  # safetensors and torch each have one of their own
        train_here(job)
    said = f"Traceback (most recent call last):\n{type(full.value).__name__}: {full.value}"
    assert classify(Ending(exit_code=1, log=said.split("\n"))).cause == "disk_full"
    assert not is_complete(job / "checkpoint-6")
    assert last_complete(job).name == "checkpoint-4"

    resize(64 << 20)
    train_here(job)
    curves = [[(line["current_steps"], line["loss"]) for line in metrics(run)] for run in (job, whole)]
    assert curves[0] == curves[1]


def test_of_several_processes_each_must_have_saved_its_random_state(cards, tiny_recipe, train_here):
    recipe = tiny_recipe(max_steps=2)
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "ranks")
    train_here(job)
    checkpoint = job / "checkpoint-2"
    assert is_complete(checkpoint) and is_complete(checkpoint, 2), "saved by one, and taken up by two"
    state = (checkpoint / "rng_state.pth").rename(checkpoint / "rng_state_0.pth")
    assert not is_complete(checkpoint, 2)
    shutil.copy(state, checkpoint / "rng_state_1.pth")
    assert is_complete(checkpoint, 2)
    os.truncate(checkpoint / "rng_state_1.pth", 100)
    assert not is_complete(checkpoint, 2)
