"""Old checkpoints go; the one to resume from and the best one stay."""

from __future__ import annotations

import json

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import Refused
from tarot_tui.training.engines.checkpoints import last_complete
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.prune import best_checkpoint, checkpoints, prune


@pytest.fixture
def job(cards, tiny_recipe, train_here):
    """A finished run with six checkpoints, the measured loss of each in its state."""
    recipe = tiny_recipe(save_steps=1, val_size=2, max_steps=6)
    job = make_job(cards, recipe, plan_in_child(cards, recipe), "pruned")
    train_here(job)
    return job


def test_the_last_complete_checkpoint_and_the_best_are_kept(job, cards, capsys):
    best = job / "checkpoint-2"
    state = json.loads((best / "trainer_state.json").read_text())
    state["log_history"][-1]["eval_loss"] = 0.001
    (best / "trainer_state.json").write_text(json.dumps(state))
    (job / "checkpoint-6" / "optimizer.pt").unlink()
    assert best_checkpoint(job) == best
    before = {one.step: one.kept for one in checkpoints(job)}
    assert before == {1: "", 2: "best", 3: "", 4: "", 5: "last", 6: ""}
    size = sum(one.bytes for one in checkpoints(job) if not one.kept)

    assert main(["prune", "--project", str(cards.root)]) == 3
    assert "4 checkpoints" in capsys.readouterr().err and (job / "checkpoint-1").exists()
    assert main(["prune", "--project", str(cards.root), "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == size
    assert [one.step for one in checkpoints(job)] == [2, 5]
    assert last_complete(job) == job / "checkpoint-5"


def test_nothing_is_taken_from_a_run_without_a_whole_checkpoint_or_from_a_living_one(job):
    for one in checkpoints(job):
        (one.path / "optimizer.pt").unlink()
    assert prune(job) == []
    import os

    from tarot_tui.jobs import identity

    alive = {"state": "running", "supervisor": identity.of(os.getpid()).as_dict()}
    (job / "status.json").write_text(json.dumps(alive))
    with pytest.raises(Refused, match="running"):
        prune(job)
