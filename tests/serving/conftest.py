"""A fake Ollama, and a release of a chat model whose GGUF is only some bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes.ollama import FakeOllama
from fakes.releases import describe

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
        thinking=None,
        facts={"template": {"ollama": ""}},
        conversations=[conversation(SYSTEM, "愚者正位?"), conversation(SYSTEM, "a", "b", "c {{ d }}")],
    )


@pytest.fixture(scope="session")
def make_gguf(smollm2, tmp_path_factory):
    """Writes a two-layer Llama of random weights with SmolLM2's tokenizer: ``make_gguf(template, add_bos)`` → path.

    Quick to load and to run; its prompts and token counts are those of a real model.
    """
    import numpy as np
    from gguf import GGUFWriter

    tokenizer = json.loads((smollm2 / "tokenizer.json").read_text("utf-8"))
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].__getitem__)
    special = {token["content"] for token in tokenizer["added_tokens"]}
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in tokenizer["model"]["merges"]]
    width, inner, random = 64, 128, np.random.default_rng(0)

    def make(template: str | None, add_bos: bool = False) -> Path:
        path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
        writer = GGUFWriter(path, "llama")
        writer.add_context_length(2048)
        writer.add_embedding_length(width)
        writer.add_block_count(2)
        writer.add_feed_forward_length(inner)
        writer.add_head_count(2)
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_dimension_count(width // 2)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_list(vocabulary)
        writer.add_token_types([3 if token in special else 1 for token in vocabulary])
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(add_bos)
        if template is not None:
            writer.add_chat_template(template)
        shapes = {"token_embd": (len(vocabulary), width), "output_norm": (width,)}
        for layer in range(2):
            shapes |= {
                f"blk.{layer}.{name}": (width, width)
                for name in ("attn_q", "attn_k", "attn_v", "attn_output")
            }
            shapes |= {f"blk.{layer}.{name}": (inner, width) for name in ("ffn_gate", "ffn_up")}
            shapes |= {f"blk.{layer}.ffn_down": (width, inner)}
            shapes |= {f"blk.{layer}.{name}": (width,) for name in ("attn_norm", "ffn_norm")}
        for name, shape in shapes.items():
            writer.add_tensor(f"{name}.weight", random.normal(0, 0.1, shape).astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make


@pytest.fixture(scope="session")
def tiny_gguf(smollm2, make_gguf) -> Path:
    """The tiny model with SmolLM2's own chat template."""
    return make_gguf((smollm2 / "chat_template.jinja").read_text("utf-8"))


@pytest.fixture
def released(project, tiny_gguf):
    """The project with one release ``tarot``, whose GGUF is the tiny model."""
    folder = project.models / "tarot"
    folder.mkdir()
    shutil.copyfile(tiny_gguf, folder / "tarot-q8_0.gguf")
    describe(folder, "tarot-q8_0.gguf", system=SYSTEM, stops=["<|im_end|>"], parameters={"num_ctx": 512})
    return project
