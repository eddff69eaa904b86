"""What our own engine trains is what is exported: LoRA in all its forms at once, and a whole model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.launch import find_trained
from tarot_tui.export.merge import merge
from tarot_tui.export.release import read_release
from tarot_tui.jobs import worker
from tarot_tui.project import Project
from tarot_tui.training.base import locate
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.runs import continued


@pytest.fixture
def train(project: Project, tiny_llama: Path, monkeypatch):
    """Trains the tiny model for three steps in this process; the run's folder."""
    rows = [{"instruction": f"What is {n}?", "input": "", "output": f"It is {n}."} for n in range(6)]
    (project.data / "a.json").write_text(json.dumps(rows))
    (project.data / "dataset_info.json").write_text(json.dumps({"a": {"file_name": "a.json"}}))

    def run(**changes) -> Path:
        from tarot_tui.training.engines import native

        values = {
            "model_name_or_path": str(tiny_llama),
            "dataset": "a",
            "learning_rate": 1e-2,
            "lora_rank": 4,
        }
        recipe = Recipe(
            **values, num_train_epochs=1, gradient_accumulation_steps=1, sample_answers=0, **changes
        )
        job = make_job(project, recipe, plan_in_child(project, recipe), "run")
        for name in ("stop_on_sigterm", "end_with_launcher"):  # would change pytest's own process
            monkeypatch.setattr(worker, name, lambda: None)
        monkeypatch.setenv("TAROT_JOB_DIR", str(job))
        monkeypatch.chdir(job)
        native.main()
        monkeypatch.chdir(project.root)
        return job

    return run


def test_rslora_dora_and_whole_modules_are_merged_as_they_were_trained(train, tiny_llama, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run = train(use_rslora=True, use_dora=True, additional_target="embed_tokens", loraplus_lr_ratio=4)
    trained = find_trained(run)
    merge(trained.base, [Weighted(trained.adapter)], tmp_path / "merged", lambda done, total: None, threads=1)
    text = torch.arange(100, 140)[None]
    with torch.no_grad():
        base = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)
        plain = base(text).logits
        expected = PeftModel.from_pretrained(base, run)(text).logits
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)(text).logits
    changed = (expected - plain).abs().max()
    assert changed > 0.1 and (merged - expected).abs().max() < 0.05 * changed


def test_a_model_that_was_trained_whole_becomes_a_release(train, project, tiny_llama, capsys):
    run = train(finetuning_type="full")
    assert json.loads((run / "config.json").read_text())["dtype"] == "bfloat16"
    at = ["--project", str(project.root), "--lang", "en"]
    assert main(["export", "-1", "--quant", "q8_0", "-o", "whole", *at]) == 0, capsys.readouterr()
    release = read_release(project, "whole")
    assert release.ggufs["q8_0"].is_file() and release.facts["adapter"] is None
    assert release.facts["base"]["folder"] == str(run) and release.facts["base"]["name"] == str(tiny_llama)
    further = continued(project, run, find_trained(run).base)
    assert further.model_name_or_path == f"jobs/{run.name}" and not further.adapter_name_or_path
    assert locate(further.model_name_or_path, root=project.root) == run
    shutil.rmtree(run / "checkpoint-3")
    (run / "model.safetensors").unlink()
    assert main(["export", "-1", "-o", "gone", *at]) == 2
    assert "has no model yet" in capsys.readouterr().err
