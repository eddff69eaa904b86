"""``export --base MODEL --adapter DIR[:WEIGHT]``: adapters from anywhere, and what a request will take."""

from __future__ import annotations

import json
import shutil

import pytest

from tarot_tui.cli import main
from tarot_tui.export.cost import cost
from tarot_tui.export.inspect import inspect
from tarot_tui.export.kquants import QUANTS
from tarot_tui.export.release import read_release
from tarot_tui.jobs.spec import create

MERGE = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.merge import merge
base, adapter, other, target = map(Path, sys.argv[1:])
merge(base, [Weighted(adapter), Weighted(other, -0.5)], target)
"""


@pytest.fixture
def tarot(project, capsys):
    """Run a command line in the project: exit code, standard output, standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main([*map(str, words), "--project", str(project.root), "--lang", "en"])
        return code, *capsys.readouterr()

    return run


def test_several_adapters_are_merged_with_their_weights(
    project, tarot, base, adapter, make_adapter, in_child, tmp_path
):
    other = make_adapter(base, tmp_path / "other", r=4, target_modules=["q_proj", "down_proj"])
    code, out, err = tarot(
        "export", "--base", base, "--adapter", adapter, "--adapter", f"{other}:-0.5", "--merge"
    )
    assert code == 0, out + err
    release = read_release(project, "adapter")  # named after the first
    assert release.facts["adapters"] == [
        {"folder": str(adapter), "weight": 1.0},
        {"folder": str(other), "weight": -0.5},
    ]
    assert release.run == "" and release.ggufs == {}
    in_child(MERGE, base, adapter, other, tmp_path / "expected")
    made = (release.merged / "model.safetensors").read_bytes()
    assert made == (tmp_path / "expected/model.safetensors").read_bytes()


def test_a_model_of_the_hub_keeps_its_name(project, tarot, tiny_llama, tmp_path, monkeypatch):
    cache = tmp_path / "hub/models--tarot--Reader-3M-Instruct"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text("0123abcd" * 5)
    shutil.copytree(tiny_llama, cache / "snapshots" / ("0123abcd" * 5))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    code, out, err = tarot("export", "--base", "tarot/Reader-3M-Instruct", "--quant", "q8_0")
    assert code == 0, out + err
    release = read_release(project, "Reader-3M-Instruct")
    assert release.base == "tarot/Reader-3M-Instruct"
    metadata = inspect(release.ggufs["q8_0"]).metadata
    assert (metadata["general.basename"], metadata["general.finetune"]) == ("Reader", "Instruct")


def test_an_adapter_of_a_run_is_held_against_the_base_of_that_run(project, tarot, base, adapter):
    run = create(project, "train", "try-it", ["-"], {"base_fingerprint": "of another base"})
    checkpoint = run / "checkpoint-3"
    checkpoint.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (checkpoint / name).write_bytes((adapter / name).read_bytes())
    code, _out, err = tarot("export", "--base", base, "--adapter", checkpoint, "--merge")
    assert code == 3 and "is not the one" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--adapter", "{adapter}"], 2, "Say what to export"),
        (["-1", "--adapter", "{adapter}"], 2, "--adapter needs --base"),
        (["--base", "{base}", "--adapter", "{adapter}:much"], 2, "the weight behind the colon"),
        (["--base", "{base}", "--adapter", "{adapter}:nan"], 2, "the weight behind the colon"),
        (["--base", "{base}", "--adapter", "{base}"], 2, "adapter_config.json does not exist"),
        (["--base", "{base}", "--merge"], 2, "--merge needs an adapter"),
        (["--base", "{base}", "--threads", "0"], 2, "--threads"),
    ],
)
def test_a_wrong_request_is_one_sentence(project, tarot, base, adapter, words, code, says):
    found, _out, err = tarot("export", *(word.format(base=base, adapter=adapter) for word in words))
    assert found == code and says in err and len(err.splitlines()) == 1
    assert not list(project.jobs.iterdir())


def test_a_dry_run_tells_what_it_takes(project, tarot, base, adapter):
    words = ["export", "--base", base, "--adapter", adapter, "--quant", "q8_0,q4_k_m", "--dry-run"]
    code, out, _err = tarot(*words, "--threads", "3", "--json")
    told = json.loads(out)
    assert code == 0 and told["adapters"] == [{"folder": str(adapter), "weight": 1.0}]
    assert told["cost"]["disk"] == sum(told["bytes"].values()) and told["cost"]["threads"] == 3
    assert 0 < told["cost"]["memory"] < 10**9 and told["cost"]["seconds"] > 0
    assert "free, memory about" in tarot(*words)[1]
    assert not list(project.jobs.iterdir()) and not list(project.models.iterdir())


def test_more_threads_and_fewer_bits_of_work_take_less_time(tmp_path):
    shapes = [(4096, 4096)] * 500
    one = cost({"q4_k_m": 1}, shapes, 1, tmp_path)
    assert cost({"q4_k_m": 1}, shapes, 8, tmp_path).seconds < one.seconds / 2
    assert cost({"merged": 1}, shapes, 1, tmp_path).seconds < one.seconds
    assert cost({"merged": 1}, shapes, 1, tmp_path).memory < 64e6 < one.memory
    assert all(cost({name: 1}, shapes, 1, tmp_path).seconds > 0 for name in QUANTS)
