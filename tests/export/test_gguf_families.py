"""The one pass against the three steps it replaces, for many architectures: peft's merge, llama.cpp's converter, and the
real ``llama_model_quantize`` (in cyllama, a development dependency).

What imports torch does so once for all families.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tarot_tui.export import blas
from tarot_tui.export.kquants import PLAIN, QUANTS

# It has no wheel for every Python.
pytestmark = pytest.mark.skipif(
    find_spec("cyllama") is None, reason="needs cyllama, llama.cpp's own quantiser"
)

ONE_PASS = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.gguf import write_ggufs
for folder in map(Path, sys.argv[2:]):
    targets = {quant: folder / f"ours/{quant}.gguf" for quant in sys.argv[1].split(",")}
    write_ggufs(folder / "base/model", [Weighted(folder / "adapter")], targets, name="model", threads=2)
"""
CONVERT = """
import sys
from pathlib import Path
from tarot_tui.export import converter
converter.activate(converter.tool_dir())
import gguf, torch
with torch.inference_mode():
    for folder in map(Path, sys.argv[2:]):
        for quant, number in (("bf16", 32), ("q8_0", 7), ("f16", 1), ("f32", 0)):
            if quant in ("bf16", *sys.argv[1].split(",")):
                kind, settings = converter.model_class(folder / "merged/model")
                out = folder / f"theirs/{quant}.gguf"
                kind(
                    folder / "merged/model", gguf.LlamaFileType(number), out, hparams=settings, model_name="model"
                ).write()
"""
QUANTISE = """
import sys
from cyllama.llama import llama_cpp
for folder in sys.argv[2:]:
    for pair in sys.argv[1].split(","):
        name, number = pair.split("=")
        wanted = llama_cpp.LlamaModelQuantizeParams()
        wanted.ftype, wanted.nthread = int(number), 1
        llama_cpp.model_quantize(f"{folder}/theirs/bf16.gguf", f"{folder}/theirs/{name}.gguf", wanted)
"""

SMALL = {
    "vocab_size": 320, "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "head_dim": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "pad_token_id": 0,
}  # fmt: skip
#: transformers' name → what differs from SMALL. Nine layers show the rules by layer, eight experts those of Mixtral,
#: and those with the large vocabulary have SmolLM2's tokenizer, for their converters read no other.
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {"tie_word_embeddings": False, "num_hidden_layers": 9},
    "Qwen2": {"tie_word_embeddings": True},
    "Qwen3": {"num_key_value_heads": 1},
    "Qwen3Moe": {
        "vocab_size": 49152, "moe_intermediate_size": 256, "num_experts": 4, "num_experts_per_tok": 2,
        "decoder_sparse_step": 1, "tie_word_embeddings": True,
    },
    "Mistral": {"intermediate_size": 544},
    "Mixtral": {"num_local_experts": 8, "num_experts_per_tok": 2},
    "Gemma2": {},
    "Gemma3": {"layer_types": ["full_attention", "full_attention"]},
    "Phi3": {},
    "Granite": {},
    "Olmo2": {"vocab_size": 49152, "tie_word_embeddings": False},
    "SmolLM3": {},
}  # fmt: skip
_CLASSES = {"Gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM")}
_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"]
#: In the quick run: of every rule something.
_SOME = ("q4_k_m", "q3_k_m")


@pytest.fixture(scope="module")
def sentencepiece_model(tmp_path_factory) -> Path:
    """A SentencePiece tokenizer of 320 pieces."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("tokenizer")
    text = "\n".join(f"The card number {n} is drawn and laid upright or reversed." for n in range(200))
    (folder / "text").write_text(text)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "tokenizer"), vocab_size=320, byte_fallback=True,
        pad_id=3, minloglevel=2, num_threads=1, hard_vocab_limit=False,
    )  # fmt: skip
    return folder / "tokenizer.model"


@pytest.fixture(scope="module")
def make_both(smollm2, sentencepiece_model, make_adapter, in_child, tmp_path_factory) -> Callable[..., Path]:
    """Make the quantisations of all families in both ways, ``<family>/ours/`` and ``<family>/theirs/``."""

    def add_tokenizer(family: str, folder: Path) -> None:
        if "vocab_size" not in FAMILIES[family]:
            shutil.copyfile(sentencepiece_model, folder / "tokenizer.model")
            return
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(smollm2 / name, folder / name)

    def make(*quants: str) -> Path:
        root = tmp_path_factory.mktemp("families")
        for family in FAMILIES:
            for part in ("ours", "theirs"):
                (root / family / part).mkdir(parents=True)
            base = model(family, root / family / "base/model")
            # Of experts peft computes the product in the base's dtype: equal only to rounding, and tested elsewhere.
            targets = _TARGETS if family == "Qwen3Moe" else [*_TARGETS, "down_proj"]
            adapter = make_adapter(base, root / family / "adapter", target_modules=targets)
            add_tokenizer(family, base)
            add_tokenizer(family, merged_by_peft(base, adapter, root / family / "merged/model"))
        folders = [root / family for family in FAMILIES]
        in_child(ONE_PASS, ",".join(quants), *folders)
        in_child(CONVERT, ",".join(quants), *folders)
        numbers = [f"{quant}={QUANTS[quant].file_type}" for quant in quants if quant not in PLAIN]
        in_child(QUANTISE, ",".join(numbers), *folders)
        return root

    return make


@pytest.fixture(scope="module")
def some(make_both) -> Path:
    """Both ways, in the quantisations of the quick run."""
    return make_both(*_SOME)


@pytest.fixture(scope="module")
def every(make_both) -> Path:
    """Both ways, in every quantisation."""
    return make_both(*QUANTS)


def model(family: str, folder: Path) -> Path:
    """A random model of the family, in bf16."""
    import torch
    import transformers

    torch.manual_seed(0)
    config_name, class_name = _CLASSES.get(family, (f"{family}Config", f"{family}ForCausalLM"))
    config = getattr(transformers, config_name)(**SMALL | FAMILIES[family])
    getattr(transformers, class_name)(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def merged_by_peft(base: Path, adapter: Path, folder: Path) -> Path:
    """What peft makes of an adapter and its base."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    unmerged = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(unmerged, adapter).merge_and_unload().save_pretrained(folder)
    return folder


def assert_same(folder: Path, quant: str, read_gguf) -> None:
    """Every tensor of ours has the name, type, shape and bytes of theirs."""
    _facts, found = read_gguf(folder / f"ours/{quant}.gguf")
    _facts, expected = read_gguf(folder / f"theirs/{quant}.gguf")
    assert {name: one[:2] for name, one in found.items()} == {name: one[:2] for name, one in expected.items()}
    differing = [name for name, one in expected.items() if found[name][2] != one[2]]
    # Without AVX-512 numpy may add in another order than torch, and a weight rounds the other way.
    assert not differing or not blas.in_order(), differing


@pytest.mark.parametrize("quant", _SOME)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_equals_merging_converting_and_quantising(some, read_gguf, family, quant):
    assert_same(some / family, quant, read_gguf)


@pytest.mark.benchmark
@pytest.mark.parametrize("quant", QUANTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_in_every_quantisation(every, read_gguf, family, quant):
    assert_same(every / family, quant, read_gguf)
