"""A fake Ollama, and a release of a chat model whose GGUF is only some bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.ollama import FakeOllama

TEMPLATE = (
    "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
)
SYSTEM = "你是塔羅師。"


def conversation(*contents: str) -> dict:
    """Messages from system on, in turns, with the prompt that ChatML makes of them."""
    roles = ["system", *["user", "assistant"] * len(contents)]
    messages = [{"role": role, "content": text} for role, text in zip(roles, contents, strict=False)]
    turns = "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages)
    return {"messages": messages, "prompt": turns + "<|im_start|>assistant\n"}


@pytest.fixture
def fake():
    with FakeOllama() as server:
        yield server


@pytest.fixture
def release(tmp_path):
    gguf = tmp_path / "tarot-q8_0.gguf"
    gguf.write_bytes(b"GGUF" + bytes(3_000_000))
    return SimpleNamespace(
        name="tarot",
        folder=tmp_path,
        ggufs={"q8_0": gguf},
        template=TEMPLATE,
        system=SYSTEM,
        stops=["<|im_end|>"],
        parameters={"num_ctx": 4096, "temperature": 0.0},
        license="Apache-2.0",
        conversations=[conversation(SYSTEM, "愚者正位?"), conversation(SYSTEM, "a", "b", "c {{ d }}")],
    )
