"""What transformers itself leaves in an output folder is read like a run, though nothing of ours is in it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tarot_tui.jobs.compare import side
from tarot_tui.jobs.snapshot import snapshot


@pytest.fixture
def output(finished, tmp_path):
    """The output folder of a Trainer: the checkpoints of a run, and none of our own files."""
    run = next((finished / "jobs").glob("*-first"))
    folder = tmp_path / "output"
    folder.mkdir()
    for checkpoint in sorted(run.glob("checkpoint-*")):
        # Written now, one after the other: how old they are says whether anybody still writes.
        shutil.copytree(checkpoint, folder / checkpoint.name, copy_function=shutil.copyfile)
        os.utime(folder / checkpoint.name)  # a copied folder keeps its age
    return folder, run


def test_its_checkpoints_say_how_far_it_is_and_what_the_losses_were(output):
    folder, run = output
    found = snapshot(folder)
    assert (found.status.state, found.status.step, found.status.total) == ("finished", 6, 6)
    ours = [json.loads(line) for line in (run / "trainer_log.jsonl").read_text().splitlines()]
    assert side(folder).loss == [(line["current_steps"], line["loss"]) for line in ours]
    assert found.metrics["lr"] == ours[-1]["lr"] and found.metrics["grad_norm"] == ours[-1]["grad_norm"]
    shutil.rmtree(folder / "checkpoint-6")
    assert (snapshot(folder).status.state, snapshot(folder).status.step) == ("running", 4)
    for file in folder.rglob("*"):
        os.utime(file, (1e9, 1e9))
    assert snapshot(folder).status.state == "lost"
