"""When memory runs out: the same steps in smaller portions; what would change what is learned, only when allowed."""

from __future__ import annotations

import time

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import files, launch, retry, status
from tarot_tui.jobs.metrics import MetricsReader
from tarot_tui.jobs.spec import read_spec, rewrite
from tarot_tui.training.ladder import RECIPE, record, retries
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import load
from tarot_tui.training.resume import apply, changes
from tarot_tui.training.runs import recipe_of

LENGTH = {"p50": 60, "p95": 100, "max": 400}
#: The real worker; from its third batch on every token takes 8 MB more, and there are 960 MB.
CRAMPED = """
import re, resource
from pathlib import Path
import torch
from tarot_tui.training.engines import native

embed, batches = torch.nn.Embedding.forward, []

def heavy(layer, tokens):
    batches.append(tokens.numel())
    if len(batches) == 3:
        used = int(re.search(r"VmData:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (used + 960 * 2**20,) * 2)
    taken = torch.empty(tokens.numel() * 8 * 2**20 if len(batches) > 2 else 0, dtype=torch.uint8)
    return embed(layer, tokens)

torch.nn.Embedding.forward = heavy
native.main()
"""


@pytest.fixture
def cramped(cards, tiny_recipe, tmp_path):
    """Makes a run whose real worker soon gets too little memory for more than two samples at once."""
    script = tmp_path / "cramped.py"
    script.write_text(CRAMPED)

    def make(**changed):
        values = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, **changed}
        recipe = tiny_recipe(num_train_epochs=2, save_steps=1, **values)
        job = make_job(cards, recipe, plan_in_child(cards, recipe), "cramped")
        argv = read_spec(job)["argv"]
        rewrite(job, argv=[*argv[:-2], str(script)])
        return job

    return make


def ended(folder):
    """The status once nothing of the job runs any more."""
    deadline = time.monotonic() + 120
    while (found := status.read(folder)).alive and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def changes_of(recipe, processes=1):
    """What each rung changes."""
    return [rung["changes"] for rung in retries(recipe, "cuda", LENGTH, 12, processes)["retries"]]


@pytest.mark.slow
def test_a_run_that_ran_out_of_memory_finishes_with_the_steps_and_losses_of_one_that_did_not(
    cramped, cards, tiny_recipe, train_here, metrics, capsys
):
    job = cramped()
    launch.start(job)
    found = ended(job)
    assert (found.state, found.attempt, found.reason) == ("finished", 2, ""), (job / "log.txt").read_text()
    recipe = tiny_recipe(num_train_epochs=2, per_device_train_batch_size=4, gradient_accumulation_steps=1)
    calm = make_job(cards, recipe, plan_in_child(cards, recipe), "calm")
    train_here(calm)
    curve, same = metrics(job), metrics(calm)
    assert [line["current_steps"] for line in curve] == [line["current_steps"] for line in same]
    assert [line["loss"] for line in curve] == pytest.approx([line["loss"] for line in same], rel=1e-4)

    halved = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    events = [event for event in MetricsReader(job / files.EVENTS).read() if event["kind"] == "retry"]
    assert [(event["cause"], event["changes"]) for event in events] == [("host_oom", halved)]
    assert read_spec(job)["request"]["per_device_train_batch_size"] == 4
    assert recipe_of(job).per_device_train_batch_size == 2
    assert load(cards, job / RECIPE).gradient_accumulation_steps == 2
    assert changes(cards, job) == []
    assert main(["--project", str(cards.root), "show", job.name]) == 0
    assert "per_device_train_batch_size: 2, gradient_accumulation_steps: 2" in capsys.readouterr().out


def test_the_batch_is_halved_down_to_one_and_a_step_always_sees_the_same(tiny_recipe):
    recipe = tiny_recipe(per_device_train_batch_size=12, gradient_accumulation_steps=2)
    found = [tuple(rung.values()) for rung in changes_of(recipe)]
    assert found == [(6, 4), (3, 8), (1, 24), (True,)]
    # Each of two processes has half of a step.
    assert [tuple(rung.values()) for rung in changes_of(recipe, 2)] == [(6, 4), (3, 8), (1, 24), (True,)]


def test_only_the_recipes_word_lets_it_learn_something_else(tiny_recipe):
    reach = {
        word: [list(rung)[0] for rung in changes_of(tiny_recipe(per_device_train_batch_size=2, on_oom=word))]
        for word in ("fail", "batch", "checkpointing", "shorter", "4bit")
    }
    ladder = ["per_device_train_batch_size", "gradient_checkpointing", "cutoff_len", "quantization_bit"]
    assert list(reach.values()) == [ladder[:count] for count in range(5)]


def test_a_base_that_cannot_be_shared_out_in_four_bits_is_never_put_into_them(tiny_recipe):
    for way in ({"fsdp": "full_shard"}, {"deepspeed": "z3"}, {"deepspeed": "own.json"}):
        found = changes_of(tiny_recipe(on_oom="4bit", **way), 2)
        assert "cutoff_len" in found[-1], way
    assert "quantization_bit" in changes_of(tiny_recipe(on_oom="4bit", deepspeed="z2"), 2)[-1]


def test_a_shortened_run_keeps_most_samples_whole_and_its_steps(tiny_recipe):
    recipe = tiny_recipe(per_device_train_batch_size=1, gradient_checkpointing=True, on_oom="shorter")
    assert changes_of(recipe) == [{"cutoff_len": 200, "allow_truncation": True, "max_steps": 12}]


def test_the_last_word_is_the_command_that_allows_the_next_rung(tiny_recipe):
    words = {
        word: retries(tiny_recipe(on_oom=word), "cuda", LENGTH, 12, 1)["last_words"]["cuda_oom"]
        for word in ("fail", "checkpointing", "shorter", "4bit")
    }
    assert "tarot-tui resume {job} --set on_oom=checkpointing" in words["fail"]
    assert "tarot-tui resume {job} --set on_oom=shorter" in words["checkpointing"]
    assert "tarot-tui resume {job} --set on_oom=4bit" in words["shorter"]
    assert "tarot-tui" not in words["4bit"]


def test_allowing_more_begins_a_longer_ladder_where_the_shorter_one_ended(cramped, cards):
    job = cramped(per_device_train_batch_size=2, gradient_checkpointing=True)
    rung = retry.next_rung(job, read_spec(job), "host_oom", begun=True)
    retry.take(job, rung, "host_oom")
    assert retry.next_rung(job, read_spec(job), "host_oom", begun=True) is None
    record(cards, job)
    apply(cards, job, changes(cards, job, ["on_oom=4bit"]))
    assert recipe_of(job).per_device_train_batch_size == 1
    rungs = read_spec(job)["retries"]
    assert [list(rung["changes"])[0] for rung in rungs] == ["cutoff_len", "quantization_bit"]
    assert retry.taken(job) == []
