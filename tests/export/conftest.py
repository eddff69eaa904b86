"""Tiny bases, adapters as peft saves them, and children that merge and write as the product's workers do."""

from __future__ import annotations

import functools
import json
import math
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tarot_tui.export import blas
from tarot_tui.export.kquants import BLOCKS, Type


def child(code: str, *arguments: object) -> str:
    """Run ``code`` in a process with a worker's environment and return what it prints."""
    environment = os.environ | blas.environment() | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def in_child() -> Callable[..., str]:
    """:func:`child`, for tests."""
    return child


def llama(folder: Path, dtype: str = "bfloat16", **changes: Any) -> Path:
    """A random Llama of two layers in ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    settings = {
        "vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "tie_word_embeddings": False,
    }  # fmt: skip
    model = LlamaForCausalLM(LlamaConfig(**settings | changes)).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    return folder


def trained(base: Path, folder: Path, resize: int | None = None, **lora: Any) -> Path:
    """An adapter of ``base`` in which every trainable weight has moved, saved by peft."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    if resize:
        model.resize_token_embeddings(resize)
    settings = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    peft_model = get_peft_model(model, LoraConfig(**settings | lora))
    for name, weight in peft_model.named_parameters():
        if weight.requires_grad:
            moved = torch.randn_like(weight) * 0.05
            weight.data = moved if "lora_" in name else weight.data + moved
    peft_model.save_pretrained(folder)
    return folder


def gguf(path: str | Path) -> tuple[dict[str, bytes], dict[str, tuple[int, tuple[int, ...], bytes]]]:
    """A GGUF, read by the letter of its specification: key → raw value, and tensor → (type, shape, data).

    ``gguf.GGUFReader`` says the same, but takes seconds over a vocabulary. Shapes are numpy's, last axis contiguous.
    """
    data = Path(path).read_bytes()
    position = 24
    magic, version, tensors, values = struct.unpack_from("<4sIQQ", data)
    assert (magic, version) == (b"GGUF", 3)

    def take(form: str) -> Any:
        nonlocal position
        (found,) = struct.unpack_from("<" + form, data, position)
        position += struct.calcsize("<" + form)
        return found

    def text() -> str:
        nonlocal position
        length = take("Q")
        position += length
        return data[position - length : position].decode()

    def skip(kind: int) -> None:
        nonlocal position
        if kind == 8:
            text()
        elif kind == 9:
            inner, count = take("I"), take("Q")
            for _ in range(count):
                skip(inner)
        else:
            position += {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind]

    metadata = {}
    for _ in range(values):
        key, start = text(), position
        skip(take("I"))
        metadata[key] = data[start:position]
    places = [(text(), [take("Q") for _ in range(take("I"))], take("I"), take("Q")) for _ in range(tensors)]
    start = position + -position % 32
    ends = [place[3] for place in places[1:]] + [len(data) - start]
    found = {}
    for (name, shape, kind, offset), end in zip(places, ends, strict=True):
        elements, width = BLOCKS[Type(kind)]
        size = math.prod(shape) // elements * width
        assert size <= end - offset < size + 32 and offset % 32 == 0
        found[name] = (kind, tuple(reversed(shape)), data[start + offset : start + offset + size])
    return metadata, found


@pytest.fixture(scope="session")
def read_gguf() -> Callable:
    """:func:`gguf`, for tests; each file is read once."""
    return functools.lru_cache(maxsize=None)(gguf)


@pytest.fixture(scope="session")
def make_llama() -> Callable[..., Path]:
    """:func:`llama`, for tests."""
    return llama


@pytest.fixture(scope="session")
def make_adapter() -> Callable[..., Path]:
    """:func:`trained`, for tests."""
    return trained


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    """A Llama with an lm_head of its own, in bf16; its tokenizer is only a name."""
    folder = llama(tmp_path_factory.mktemp("untied") / "untied")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture(scope="session")
def adapter(base, tmp_path_factory) -> Path:
    """A plain LoRA adapter of ``base`` on all linear layers."""
    return trained(base, tmp_path_factory.mktemp("adapter") / "adapter")


@pytest.fixture
def copy_of(tmp_path) -> Callable[..., Path]:
    """Copies a folder, with keys of one of its JSON files changed: ``copy_of(folder, "config.json", key=value)``."""
    import shutil

    def copy(folder: Path, file: str = "", **changes: Any) -> Path:
        target = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}" / folder.name
        shutil.copytree(folder, target)
        if file:
            found = json.loads((target / file).read_text())
            (target / file).write_text(json.dumps(found | changes))
        return target

    return copy
