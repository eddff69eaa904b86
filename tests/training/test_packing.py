"""Samples that share a row, and samples of like length in one step: counted exactly beforehand, resumed exactly."""

from __future__ import annotations

import random
import time

import pytest

from tarot_tui.jobs import launch, status
from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.launch import make_job
from tarot_tui.training.order import epoch_order, permutation
from tarot_tui.training.packing import items, packed, tokens
from tarot_tui.training.parallel import layout
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import Recipe


def sample(length: int) -> Sample:
    return Sample([1] * length, [IGNORED] + [1] * (length - 1), length, prompt=1, cut=0, ends=True)


def test_every_sample_is_packed_once_and_no_row_is_longer_than_the_cutoff():
    lengths = random.Random(0).choices(range(1, 129), k=500)
    groups = packed(lengths, 128)
    assert sorted(index for group in groups for index in group) == list(range(500))
    assert all(sum(lengths[index] for index in group) <= 128 for group in groups)
    assert len(groups) <= sum(lengths) / 128 * 1.05
    assert packed(lengths, 128) == groups


def test_what_is_drawn_is_a_sample_or_with_packing_a_row_of_them():
    samples = [sample(length) for length in (60, 10, 50, 64)]
    base = {"model_name_or_path": "m", "dataset": "d", "cutoff_len": 64}
    assert items(Recipe(**base), samples) == samples
    for key in ("packing", "neat_packing"):
        drawn = items(Recipe(**base, **{key: True}), samples)
        assert [[len(one.input_ids) for one in row] for row in drawn] == [[64], [60], [50, 10]]
        assert sum(map(tokens, drawn)) == 184


def test_grouping_by_length_keeps_every_epoch_whole_and_is_one_for_any_number_of_processes():
    lengths = random.Random(1).choices(range(5, 900), k=403)
    recipe = Recipe(
        model_name_or_path="m", dataset="d", per_device_train_batch_size=4, gradient_accumulation_steps=2,
        group_by_length=True,
    )  # fmt: skip
    orders = [epoch_order(recipe, lengths, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(403)) for order in orders) and orders[0] != orders[1]
    shared = recipe.model_copy(update={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1})
    assert epoch_order(shared, lengths, 0, processes=4) == orders[0]

    def spread(order: list[int]) -> float:
        steps = [[lengths[index] for index in order[at : at + 8]] for at in range(0, 400, 8)]
        return sum(max(step) - min(step) for step in steps) / len(steps)

    assert spread(orders[0]) < spread(permutation(403, recipe.seed)) / 10


@pytest.fixture
def planned(cards, tiny_recipe):
    """A recipe with short rows that are grouped by length, and its plan: three rows in the last step of an epoch."""
    recipe = tiny_recipe(num_train_epochs=3, packing=True, group_by_length=True, cutoff_len=64)
    return cards, recipe, plan_in_child(cards, recipe)


def curve(lines: list[dict]) -> list[list[float]]:
    return [[line[key] for key in ("loss", "grad_norm", "lr", "total_tokens")] for line in lines]


def test_steps_and_tokens_are_as_planned_and_a_stopped_run_goes_on_the_same(planned, train_here, metrics):
    plan = planned[2]
    whole, torn = make_job(*planned, "whole"), make_job(*planned, "torn")
    train_here(whole)
    lines = metrics(whole)
    assert len(lines) == plan.steps and plan.steps_per_epoch > 1
    assert lines[-1]["total_tokens"] == plan.tokens_seen == 3 * plan.tokens
    stop = torn / "worker.stop"
    stop.touch()
    for _attempt in range(2):  # each does one step, in the middle of an epoch
        train_here(torn)
    stop.unlink()
    train_here(torn)
    assert curve(metrics(torn)) == curve(lines)


@pytest.mark.slow
def test_two_processes_learn_the_same_rows_in_the_same_steps_and_measure_the_same(
    planned, train_here, metrics, add_dataset
):
    cards, recipe, _plan = planned
    add_dataset(cards, "held", [("Say it.", "It is " + "so, " * times + "yes.") for times in (1, 0, 12)])
    recipe = recipe.model_copy(update={"eval_dataset": ["held"], "eval_steps": 2})
    planned = cards, recipe, plan_in_child(cards, recipe)
    alone, together = make_job(*planned, "alone"), make_job(*planned, "together", layout(2))
    launch.start(together)
    train_here(alone)
    deadline = time.monotonic() + 120
    while status.read(together).alive and time.monotonic() < deadline:
        time.sleep(0.1)
    assert status.read(together).state == "finished", (together / "log.txt").read_text()
    for ours, same in zip(metrics(together), metrics(alone), strict=True):
        for key in {"loss", "grad_norm", "eval_loss"} & same.keys():
            assert ours[key] == pytest.approx(same[key], rel=1e-3 if key == "eval_loss" else 1e-2)
