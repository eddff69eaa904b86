"""What earlier runs and probes have shown corrects a plan; a probe really trains, can be stopped, and leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tarot_tui.cli import main
from tarot_tui.errors import Refused
from tarot_tui.jobs import files, status
from tarot_tui.training import measured
from tarot_tui.training.engines.probe import order
from tarot_tui.training.launch import launch, make_job
from tarot_tui.training.measured import Experience
from tarot_tui.training.memory import Memory
from tarot_tui.training.plan import make_plan, plan_in_child
from tarot_tui.training.probe import measure
from tarot_tui.training.recipe import Recipe, dump

MEMORY = Memory(100, 0, 0, 0, 900, 0, 0)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def asked(**changes: object) -> dict:
    return measured.asked(Recipe(dataset="d", **changes), "base", "a GPU", "bf16")


def test_the_run_most_like_it_corrects_an_estimate():
    near = Experience("near", asked(lora_rank=8), peak=1200, estimated=1000)
    far = Experience("far", asked(), peak=4000, estimated=2000)
    found = measured.corrected(MEMORY, [far, near], asked())
    assert (found.measured, found.total, found.estimated) == ("near", 1200, 1000)
    assert found.high - found.low < MEMORY.high - MEMORY.low
    # What is further from what was measured is known less well.
    larger = measured.corrected(replace(MEMORY, activations=1900), [far, near], asked())
    assert larger.measured == "far" and larger.total == 4000
    between = measured.corrected(replace(MEMORY, activations=1400), [far, near], asked())
    assert between.band > found.band


@pytest.mark.parametrize(
    ("other", "peak"),
    [({"quantization_bit": 4}, 1200), ({"gradient_checkpointing": False}, 1200), ({}, 0), ({}, 9000)],
)
def test_a_run_of_another_kind_or_with_a_strange_peak_corrects_nothing(other, peak):
    one = Experience("other", asked(**other), peak=peak, estimated=1000)
    assert measured.corrected(MEMORY, [one], asked()) == MEMORY


def test_the_latest_run_like_it_says_how_fast_it_goes():
    runs = [Experience("slow", asked(lora_rank=64), speed=5.0), Experience("quick", asked(), speed=50.0)]
    assert measured.speed(runs, asked()) == (50.0, "quick")
    for other in ({"use_dora": True}, {"lora_dropout": 0.1}, {"neat_packing": True}):
        assert measured.speed(runs, asked(**other)) == (0.0, "")


def test_a_plan_learns_from_the_peak_of_a_run_and_not_from_one_that_was_begun_again(
    cards, tiny_recipe, tiny_llama
):
    recipe = tiny_recipe()
    plan = make_plan(cards, recipe, tiny_llama)
    assert plan.memory["measured"] == ""
    job = make_job(cards, recipe, plan)
    peak = round(plan.memory["estimated"] * 1.5)
    files.write_json(job / files.RESULT, {"outcome": "finished", "peak": peak})
    again = make_plan(cards, recipe, tiny_llama)
    assert again.memory["measured"] == job.name and again.memory_bytes == pytest.approx(peak, abs=2)
    assert again.memory["estimated"] == plan.memory["estimated"]
    files.write_json(job / files.STATUS, {"state": "finished", "attempt": 2})
    assert make_plan(cards, recipe, tiny_llama).memory["measured"] == ""


def test_steps_of_ever_new_lengths_take_no_more_memory_than_was_planned(project, tiny_recipe, add_dataset):
    pairs = [(f"Tell story {n}.", "Once upon a time. " * (1 + n)) for n in range(25)]
    add_dataset(project, "stories", pairs)
    recipe = tiny_recipe(dataset="stories", max_steps=25, save_steps=100, gradient_accumulation_steps=1)
    plan = plan_in_child(project, recipe)
    job = launch(project, recipe, "stories", plan)
    while status.read(job).alive:
        time.sleep(0.05)
    peak = files.read_json(job / files.RESULT)["peak"]
    assert peak <= plan.memory["high"], (plan.precision, peak, plan.memory)


def test_a_probe_begins_with_the_longest_and_goes_on_as_the_lengths_are_spread():
    recipe = Recipe(dataset="d", per_device_train_batch_size=2, gradient_accumulation_steps=2)
    lengths = [*range(100, 200), 5000]
    places = order(recipe, lengths)
    assert len(places) == 6 * 4 and places[:4] == places[4:8] == [100, 99, 98, 97]
    typical = [lengths[place] for place in places[8:]]
    assert sum(typical) / len(typical) == pytest.approx(150, abs=5)
    # Fewer samples than a step takes are taken again.
    assert set(order(recipe, [3, 2])) == {0, 1}


def test_a_probe_measures_and_leaves_nothing_but_what_it_learned(cards, tiny_recipe, capsys, own_cache):
    (cards.recipes / "tiny.yaml").write_text(dump(tiny_recipe()))
    before = sorted(path for path in cards.root.rglob("*") if "token" not in str(path))
    assert main(["train", "tiny", "--dry-run", "--probe", "--json", "--project", str(cards.root)]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert plan["memory"]["measured"] == plan["seconds_from"] == "probe"
    assert plan["seconds_estimate"] > 0 and plan["memory"]["band"] < 0.1
    # More than the interpreter with torch takes, and less than a model a hundred times as large would.
    assert 3e8 < plan["memory_bytes"] < 2e9
    assert sorted(path for path in cards.root.rglob("*") if "token" not in str(path)) == before
    assert len(list((own_cache / "tarot-tui" / "probes").iterdir())) == 1


def test_a_probe_that_would_need_more_than_is_free_stops_itself(cards, tiny_recipe, own_cache):
    recipe = tiny_recipe()
    plan = plan_in_child(cards, recipe)
    crowded = replace(plan, device={**plan.device, "free": 100_000_000})
    with pytest.raises(Refused, match="more memory than is free"):
        measure(cards, recipe, crowded)
    assert not (own_cache / "tarot-tui" / "probes").exists()


def test_a_probe_ends_with_whoever_asked_for_it(cards, tiny_recipe):
    (cards.recipes / "tiny.yaml").write_text(dump(tiny_recipe()))
    command = [sys.executable, "-m", "tarot_tui", "train", "tiny", "--dry-run", "--probe"]
    with subprocess.Popen(
        [*command, "--project", str(cards.root)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"LANGUAGE": "en"},
    ) as process:
        for line in process.stdout:
            if "Loading the model" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert children
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert len(gone) == len(children) and not alive
