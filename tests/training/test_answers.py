"""After the training: what the base says and what the trained model says, and how well each foretells what is held out."""

from __future__ import annotations

import json
import math

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import worker
from tarot_tui.project import create
from tarot_tui.training.answers import read_answers
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child


@pytest.fixture(scope="module")
def plan(tmp_path_factory, tiny_recipe, add_dataset):
    """Good for all of them: none changes what a job is told of its plan, but for the number of steps."""
    project = create(tmp_path_factory.mktemp("asked") / "project")
    add_dataset(project, "cards", [(f"What does card {n} mean?", f"It is number {n}.") for n in range(9)])
    return project, plan_in_child(project, tiny_recipe())


@pytest.fixture
def trained(plan, tiny_recipe, train_here):
    """A run that learned the tiny model, with the changes asked for; its folder."""
    cards, made = plan

    def run(**changes):
        values = {"num_train_epochs": 6, "val_size": 3, "sample_answers": 2, "save_steps": 100}
        recipe = tiny_recipe(**{**values, **changes})
        job = make_job(cards, recipe, made, "asked")
        train_here(job)
        return job

    return run


@pytest.mark.parametrize(
    "changes",
    [
        {"additional_target": "embed_tokens", "learning_rate": 3e-3, "gradient_checkpointing": True},
        {"finetuning_type": "full", "learning_rate": 2e-3},
    ],
    ids=["lora", "full"],
)
def test_base_and_trained_model_are_asked_what_was_held_out(trained, metrics, changes):
    job = trained(**changes)
    found = read_answers(job)
    assert found["held_out"] is True and found["left_out"] == ""
    assert len(found["answers"]) == 2
    for answer in found["answers"]:
        assert answer["messages"][-1]["content"].startswith("What does ")
        assert answer["expected"].endswith(".") and answer["base"]["text"] != answer["tuned"]["text"]
    measured = found["perplexity"]
    last = [line["eval_loss"] for line in metrics(job) if "eval_loss" in line][-1]
    assert measured["tuned"] == pytest.approx(math.exp(last), rel=0.02)
    # The base was made of random numbers: every token is as likely as every other.
    assert measured["base"] == pytest.approx(49152, rel=0.3) and measured["tuned"] < 0.8 * measured["base"]


def test_learned_samples_are_asked_where_none_is_held_out_and_show_prints_it_all(trained, plan, capsys):
    cards, _plan = plan
    job = trained(val_size=0, learning_rate=3e-2, num_train_epochs=9)
    found = read_answers(job)
    assert found["held_out"] is False and found["perplexity"] is None
    capsys.readouterr()
    assert main(["show", "-1", "--json", "--project", str(cards.root)]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == found
    assert main(["show", "-1", "--project", str(cards.root)]) == 0
    out = capsys.readouterr().out
    assert found["answers"][0]["messages"][-1]["content"] in out and found["answers"][0]["expected"] in out


def test_whatever_goes_wrong_there_the_run_has_finished(trained, monkeypatch):
    from tarot_tui.training.engines import asking

    def fail(*_arguments):
        raise MemoryError("there is none left")

    monkeypatch.setattr(asking, "_perplexity", fail)
    job = trained()
    found = read_answers(job)
    assert len(found["answers"]) == 2 and found["answers"][0]["base"] is None
    assert "there is none left" in found["left_out"]
    assert json.loads((job / "result.json").read_text())["outcome"] == "finished"


def test_asked_to_stop_it_leaves_the_rest_out(trained, monkeypatch):
    from tarot_tui.training.engines import asking

    class Stopped:
        stop_requested = staticmethod(lambda: True)

        def __getattr__(self, name):
            return getattr(worker, name)

    monkeypatch.setattr(asking, "worker", Stopped())
    found = read_answers(trained(num_train_epochs=1))
    assert found["answers"] == [] and "no time" in found["left_out"]
