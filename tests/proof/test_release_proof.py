"""A release proven by llama.cpp and by the model itself, both real and small; and what a broken one is told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.data import registry
from tarot_tui.data.samples import write as write_samples
from tarot_tui.export.release import read_release
from tarot_tui.jobs.spec import create
from tarot_tui.project import Project
from tarot_tui.project import create as create_project
from tarot_tui.proof.launch import stale
from tarot_tui.training.base import fingerprint

SAMPLES = [
    {"instruction": f"What is card {n}?", "input": "", "output": f"Card {n} means beginnings."}
    for n in range(6)
]


@pytest.fixture(scope="module")
def exported(tiny_llama, tmp_path_factory) -> Path:
    """A project with a run of the tiny Llama and its release ``tiny``, at q8_0 and q2_k."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    project = create_project(tmp_path_factory.mktemp("proof") / "p")
    write_samples(project.data / "deck.json", SAMPLES)
    registry.register(project, "deck", registry.alpaca("deck.json", system=False))
    request = {
        "model_name_or_path": "tarot/tiny",
        "base": str(tiny_llama),
        "base_fingerprint": fingerprint(tiny_llama),
        "dataset": ["deck"],
        "cutoff_len": 256,
        "max_samples": None,
    }
    run = create(project, "train", "tiny", ["-"], request)
    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.02)
    model.save_pretrained(run)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = ["--project", str(project.root), "export", run.name, "--quant", "q8_0", "-o", "tiny", "-q"]
    assert main(words) == 0
    return project.root


@pytest.fixture
def proven(exported, tmp_path, capsys):
    """A copy of that project, and ``release`` in it: exit code and both outputs."""
    shutil.copytree(exported, tmp_path / "p")

    def command(*words):
        code = main(["--project", str(tmp_path / "p"), "release", *words])
        return code, *capsys.readouterr()

    command.folder = tmp_path / "p/models/tiny"
    capsys.readouterr()
    return command


@pytest.mark.slow
def test_what_is_served_is_what_was_trained(proven):
    code, out, _err = proven("proof", "tiny", "--json")
    proof = json.loads(out)
    assert code == 0 and proof["verdict"].startswith("What is served is what was trained")
    found = proof["quants"]["q8_0"]
    assert found["prompts"] == {"compared": len(proof_conversations(proven)), "different": []}
    assert found["tokens"]["compared"] > 20 and found["tokens"]["different"] == []
    assert found["agreement"]["kl"] < 0.01 and found["agreement"]["top1"] > 0.95
    assert len(proof["answers"]["base"]) == len(proof["answers"]["tuned"]) == len(found["answers"]) == 6
    page = (proven.folder / "PROOF.md").read_text()
    assert proof["verdict"] in page and "What is card" in page and str(proven.folder.parents[2]) not in page
    # It holds as long as the file is the one that was proven.
    assert proven("proof", "tiny")[0] == 0
    assert "proof: What is served" in proven("show", "tiny")[1]
    facts = json.loads((proven.folder / "release.json").read_text())
    facts["ggufs"]["q8_0"]["sha256"] = "0" * 64
    (proven.folder / "release.json").write_text(json.dumps(facts))
    assert "q8_0 changed since" in proven("show", "tiny")[1]
    assert json.loads(proven("list", "--json")[1])[0]["proven"] == "stale"


def proof_conversations(proven) -> list:
    return json.loads((proven.folder / "release.json").read_text())["conversations"]


def test_a_quick_proof_needs_no_model_and_finds_what_differs(proven):
    code, out, _err = proven("proof", "tiny", "--quick")
    assert code == 0 and "not measured" in out
    facts = json.loads((proven.folder / "release.json").read_text())
    facts["conversations"][0]["prompt"] += "\n"
    (proven.folder / "release.json").write_text(json.dumps(facts))
    code, out, _err = proven("proof", "tiny", "--quick", "--redo", "--json")
    proof = json.loads(out)
    assert code == 1 and proof["quants"]["q8_0"]["prompts"]["different"] == [0]
    assert "prompts differ" in proof["verdict"]


def test_too_little_memory_is_told_with_the_way_out(proven, monkeypatch):
    from collections import namedtuple

    monkeypatch.setattr("psutil.virtual_memory", lambda: namedtuple("Memory", "available total")(1, 1))
    code, _out, err = proven("proof", "tiny")
    assert code == 3 and "--quick" in err


def test_a_file_that_llama_cpp_cannot_read_is_one_sentence(proven):
    (proven.folder / "tiny-q8_0.gguf").write_bytes(b"GGUF broken")
    code, out, _err = proven("proof", "tiny", "--quick", "--json")
    assert code == 1 and "llama.cpp cannot use" in json.loads(out)["reason"]


def test_models_are_listed_and_shown(proven):
    assert "tiny" in proven("list")[1] and "not proven" in proven("show", "tiny")[1]
    code, _out, err = proven("show", "tyni")
    assert code == 2 and "tiny" in err


def test_a_file_that_is_gone_is_said_before_a_proof_begins(proven):
    (proven.folder / "tiny-q8_0.gguf").unlink()
    code, _out, err = proven("proof", "tiny", "--quick")
    assert code == 2 and "tiny-q8_0.gguf is gone" in err


def test_a_proof_of_a_file_that_is_gone_counts_no_more(proven):
    release = read_release(Project(proven.folder.parents[1]), "tiny")
    proof = {"quants": {name: {"sha256": one["sha256"]} for name, one in release.facts["ggufs"].items()}}
    assert stale(release, proof) == []
    (proven.folder / "tiny-q8_0.gguf").unlink()
    assert stale(release, proof) == ["q8_0"]


def test_one_damaged_model_hides_no_other(proven):
    damaged = proven.folder.parent / "ruin"
    damaged.mkdir()
    (damaged / "release.json").write_text("{")
    code, out, _err = proven("list")
    assert code == 0 and "tiny" in out and "damaged: export the run again" in out
    found = {one["name"]: one["damage"] for one in json.loads(proven("list", "--json")[1])}
    assert found["tiny"] == "" and "release.json is damaged" in found["ruin"]


def test_an_empty_project_has_no_models(project, capsys):
    assert main(["--project", str(Project(project.root).root), "release", "list"]) == 0
    assert "tarot-tui export" in capsys.readouterr().out


async def test_the_wizard_proves_a_release_and_shows_the_verdict(proven):
    import asyncio

    from tarot_tui.tui.app import WizardApp

    project = Project(proven.folder.parents[1])
    project.remember("step", "export")
    async with WizardApp(project).run_test(size=(100, 30)) as pilot:

        async def said(words: str) -> None:
            for _try in range(1200):
                if words in "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips()):
                    return
                await asyncio.sleep(0.1)
            raise AssertionError(words)

        await said("not proven yet: v does it")
        await pilot.press("v")
        await said("asked the same")
        await pilot.press("y")
        await said("What is served is what was trained")
