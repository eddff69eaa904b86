"""The one pass against the three steps it replaces: peft's merge, llama.cpp's converter, ggml's quantiser."""

from __future__ import annotations

import ctypes
import glob
import hashlib
import json
import struct
from pathlib import Path

import pytest

from tarot_tui.export import blas
from tarot_tui.export.kquants import QUANTS, Type, size
from tarot_tui.export.safetensors_file import decode

ONE_PASS = """
import dataclasses, json, sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.gguf import write_ggufs
base, adapter, folder = map(Path, sys.argv[1:4])
targets = {quant: folder / f"{quant}.gguf" for quant in sys.argv[4].split(",")}
done = []
written = write_ggufs(base, [Weighted(adapter)], targets, name="wide", threads=2, progress=lambda *at: done.append(at))
assert done[-1][0] == done[-1][1] == sum(path.stat().st_size for path in targets.values())
assert done == sorted(done)
print(json.dumps([dataclasses.asdict(one) | {"path": str(one.path)} for one in written]))
"""
CONVERT = """
import sys
from pathlib import Path
from tarot_tui.export import converter
converter.activate(converter.tool_dir())
import gguf, torch
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
kind, settings = converter.model_class(folder)
with torch.inference_mode():
    for quant, number in (("q8_0", 7), ("bf16", 32)):
        kind(folder, gguf.LlamaFileType(number), out / f"{quant}.gguf", hparams=settings, model_name="wide").write()
"""


@pytest.fixture(scope="module")
def wide(smollm2, make_llama, make_adapter, tmp_path_factory) -> tuple[Path, Path]:
    """A base whose rows fill the blocks of the K-quants, with SmolLM2's tokenizer, and an adapter of it."""
    import shutil

    folder = tmp_path_factory.mktemp("wide")
    base = make_llama(
        folder / "wide",
        vocab_size=49152, hidden_size=256, intermediate_size=512, num_hidden_layers=3, head_dim=64,
        tie_word_embeddings=True,
    )  # fmt: skip
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(smollm2 / name, base / name)
    return base, make_adapter(base, folder / "adapter")


@pytest.fixture(scope="module")
def ours(wide, in_child, tmp_path_factory) -> dict[str, dict]:
    """All quantisations written in one read: name → what was reported."""
    folder = tmp_path_factory.mktemp("ours")
    return {
        one["quant"]: one
        for one in json.loads(in_child(ONE_PASS, *wide, folder, ",".join(QUANTS)).splitlines()[-1])
    }


@pytest.fixture(scope="module")
def theirs(wide, ours, in_child, tmp_path_factory) -> Path:
    """What the converter itself makes of peft's merge."""
    import shutil

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("theirs")
    base, adapter = wide
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(folder / "wide")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(base / name, folder / "wide" / name)
    in_child(CONVERT, folder / "wide", folder)
    return folder


@pytest.mark.parametrize("quant", ["q8_0", "bf16"])
def test_equal_to_converting_pefts_merge(ours, theirs, read_gguf, quant):
    facts, found = read_gguf(ours[quant]["path"])
    expected_facts, expected = read_gguf(theirs / f"{quant}.gguf")
    assert facts == expected_facts
    assert found.keys() == expected.keys()
    differing = 0
    for name, (kind, shape, data) in expected.items():
        assert found[name][:2] == (kind, shape)
        if found[name][2] != data:
            differing += sum(a != b for a, b in zip(found[name][2], data, strict=True))
    # Without AVX-512 numpy may add in another order than torch; then a few in a million round the other way.
    assert differing == 0 if blas.in_order() else differing < 100


@pytest.mark.parametrize("quant", [quant for quant in QUANTS if quant not in ("bf16", "f16", "f32")])
def test_the_blocks_are_ggmls(ours, read_gguf, quant):
    """Every tensor equals what ggml (as built into xllamacpp) makes of the same tensor in bf16."""
    import xllamacpp

    ggml = ctypes.CDLL(glob.glob(f"{xllamacpp.__path__[0]}/*.so")[0])
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    _facts, plain = read_gguf(ours["bf16"]["path"])
    for name, (number, shape, data) in read_gguf(ours[quant]["path"])[1].items():
        kind = Type(number)
        if kind is Type.F32:
            assert data == plain[name][2]
            continue
        rows = decode(plain[name][2], "BF16")
        expected = ctypes.create_string_buffer(size(kind, shape))
        ggml.ggml_quantize_chunk(
            int(kind), rows.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), expected,
            ctypes.c_int64(0), ctypes.c_int64(shape[0]), ctypes.c_int64(shape[1]), None,
        )  # fmt: skip
        assert data == expected.raw, name


def test_what_is_reported_is_what_is_there(ours, read_gguf):
    for quant, one in ours.items():
        path = Path(one["path"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == one["sha256"]
        assert path.stat().st_size == one["size"]
        facts, tensors = read_gguf(one["path"])
        assert one["tensors"] == len(tensors) and one["narrow"] == 0 and one["adds_bos"] is False
        assert facts["general.file_type"] == struct.pack("<II", 4, QUANTS[quant].file_type)
        assert b"<|im_start|>" in facts["tokenizer.chat_template"]
        assert not list(path.parent.glob(".*.part"))


def test_an_adapter_that_parts_tied_embeddings_brings_an_output_tensor(
    tiny_llama, make_adapter, in_child, read_gguf, tmp_path
):
    adapter = make_adapter(tiny_llama, tmp_path / "adapter", target_modules=["q_proj", "lm_head"])
    (tmp_path / "out").mkdir()
    in_child(ONE_PASS, tiny_llama, adapter, tmp_path / "out", "bf16")
    _facts, found = read_gguf(tmp_path / "out/bf16.gguf")
    assert found["output.weight"][2] != found["token_embd.weight"][2]
