"""The client against a real Ollama: ``OLLAMA_TEST_HOST=http://127.0.0.1:11434 pytest -m external tests/serving``."""

from __future__ import annotations

import os

import pytest

from tarot_tui.serving.importing import prove
from tarot_tui.serving.ollama import Ollama

NAME = "tarot-tui-test:latest"

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif("OLLAMA_TEST_HOST" not in os.environ, reason="OLLAMA_TEST_HOST names no server"),
]


@pytest.fixture
def ollama():
    with Ollama(os.environ["OLLAMA_TEST_HOST"]) as client:
        yield client
        if client.find(NAME):
            client.delete(NAME)


def test_a_model_arrives_is_proven_answers_and_goes(ollama, release, tiny_gguf):
    release.ggufs["q8_0"] = tiny_gguf
    said = []
    done = ollama.create(release, NAME, replace=True, on_status=lambda *status: said.append(status[0]))
    assert [finding.id for finding in done.findings] == ["ollama.prompt"]
    assert "success" in said
    assert ollama.show(NAME)["template"] == release.template
    assert list(ollama.chat(NAME, [{"role": "user", "content": "愚者?"}], num_predict=4, temperature=0))
    assert ollama.stats.tokens
    # The server keeps the bytes under another hash than they came with, and must answer all the same.
    assert prove(ollama, release, NAME)[0].severity == "ok"


def test_a_second_name_and_its_removal(ollama, release, tiny_gguf):
    release.ggufs["q8_0"] = tiny_gguf
    ollama.create(release, NAME, replace=True)
    ollama.copy(NAME, "tarot-tui-test:copy")
    ollama.delete("tarot-tui-test:copy")
    assert ollama.find("tarot-tui-test:copy") is None
