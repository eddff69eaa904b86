"""A project with a trained run and a release of it, both small, both with the files they really have."""

from __future__ import annotations

import json

import pytest
from fakes.hub import TOKEN, FakeHub


@pytest.fixture
def trained(project):
    """A run ``deck`` with an adapter; the rest of its job folder must not be published."""
    from tarot_tui.jobs import spec

    request = {
        "model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct",
        "dataset": ["tarot"],
        "lora_rank": 8,
        "learning_rate": 0.0002,
        "dataset_sha256": {"tarot": "ab" * 32},
        "base": str(project.root / "base"),
    }
    folder = spec.create(project, "train", "deck", ["{python}"], request)
    base = project.root / "base"
    base.mkdir()
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (base / "LICENSE").write_text("Apache License\nVersion 2.0\n")
    config = {"peft_type": "LORA", "base_model_name_or_path": request["model_name_or_path"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "log.txt").write_text("secret paths of this machine")
    (folder / "training_args.bin").write_bytes(b"pickle")
    return folder


@pytest.fixture
def released(project, trained):
    """The release ``tarot`` of that run: one GGUF, a template, a system prompt."""
    from tarot_tui.export.release import write_release

    folder = project.models / "tarot"
    folder.mkdir()
    (folder / "tarot-q8_0.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 4000)
    facts = {
        "ggufs": {"q8_0": {"file": "tarot-q8_0.gguf"}},
        "template": {"template": "{{ range .Messages }}{{ .Content }}{{ end }}"},
        "system": "你是塔羅師。",
        "stops": ["<|im_end|>"],
        "parameters": {"num_ctx": 4096},
        "base": {"name": "HuggingFaceTB/SmolLM2-135M-Instruct", "folder": str(project.root / "base")},
        "run": trained.name,
        "findings": [],
        "merged": False,
        "license": "Apache License\nVersion 2.0\n",
        "conversations": [],
    }
    write_release(folder, facts)
    return project


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The fake hub, and a token for it; also in the processes that the job starts."""
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        # This process has read them already.
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "hf/token"))
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.url)
        yield server
