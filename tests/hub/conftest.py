"""A hub on this machine that the hub's own client speaks to, and its models."""

from __future__ import annotations

import io

import pytest
from fakes.hub import FakeHub, Repository

from tarot_tui.cli import main


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The fake hub, no token, an empty cache; the same for the processes that are started."""
    home = tmp_path / "hf"
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(home))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        # This process has read them already.
        for name, value in {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.url)
        yield server


@pytest.fixture
def say(monkeypatch, capsys):
    """Runs one command with a standard input; exit code and both outputs."""

    def command(*words, given=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        return main(list(words)), *capsys.readouterr()

    return command


@pytest.fixture
def tiny(hub, tiny_llama):
    """The tiny Llama, on the hub."""
    files = {path.name: path.read_bytes() for path in tiny_llama.iterdir() if path.is_file()}
    hub.repositories["someone/tiny"] = Repository(False, {**files, "pytorch_model.bin": b"pickle" * 1000})
    return hub
