"""The merge against peft's own, bit for bit where peft is right, and against the unmerged model where it is not."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tarot_tui.errors import Refused
from tarot_tui.export import blas
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.merge import merge

MERGE = """
import sys
from pathlib import Path
from tarot_tui.export.merge import merge
from tarot_tui.export.adapter import Weighted
base, adapter, target = map(Path, sys.argv[1:4])
merge(base, [Weighted(adapter)], target)
"""

FORMS = {
    "plain": {"target_modules": ["q_proj", "v_proj"]},
    "all-linear": {},
    "rslora": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"layers.1.self_attn.q_proj": 3, "gate_proj": 5},
        "alpha_pattern": {r"layers\.0\..*\.v_proj": 7, "^model.layers.1.mlp.up_proj": 40},
    },
    "modules_to_save": {"modules_to_save": ["lm_head", "norm"]},
    "lm_head": {"target_modules": ["q_proj", "lm_head"]},
    "some layers": {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1]},
    "tokens": {
        "trainable_token_indices": {"embed_tokens": [7, 3], "lm_head": [1]},
        "target_modules": ["q_proj"],
    },
    "dora": {"use_dora": True},
    "dora on both ends": {"use_dora": True, "target_modules": ["embed_tokens", "lm_head", "up_proj"]},
}
GPT2 = {
    "transposed": {"target_modules": ["c_attn", "c_proj", "c_fc"]},
    "transposed dora": {"target_modules": ["c_attn", "c_proj"], "use_dora": True},
    "all biases": {"target_modules": ["c_attn"], "bias": "all"},
    "biases of the layers": {"target_modules": ["c_attn"], "bias": "lora_only"},
    "bias in the product": {"target_modules": ["c_attn", "c_proj"], "lora_bias": True},
    "saved whole": {"target_modules": ["c_attn"], "modules_to_save": ["ln_f", "wpe"]},
}


def differences(folder, expected) -> int:
    """How many elements differ, none by more than one unit in the last place; shapes, names and dtypes are equal."""
    found = load_file(folder / "model.safetensors")
    assert found.keys() == expected.keys()
    count = 0
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        if not torch.equal(found[name], tensor):
            apart = found[name].float().sub(tensor.float()).abs()
            assert (apart <= 0.01 * tensor.float().abs()).all(), name
            count += int((apart > 0).sum())
    return count


def differences_to_peft(base, adapter, in_child, folder) -> int:
    """:func:`differences` of our merge, made by a worker's process, and peft's."""
    in_child(MERGE, base, adapter, folder / "merged")
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(folder / "peft")
    return differences(folder / "merged", load_file(folder / "peft" / "model.safetensors"))


@pytest.mark.parametrize("form", FORMS)
def test_equal_to_pefts_merge(base, make_adapter, in_child, tmp_path, form):
    adapter = make_adapter(base, tmp_path / "adapter", **FORMS[form])
    count = differences_to_peft(base, adapter, in_child, tmp_path)
    # Without AVX-512 numpy may add in another order than torch; then a few in a million round the other way. The
    # lengths of DoRA are sums that torch adds in an order of its own.
    assert count == 0 if blas.in_order() and "dora" not in form else count <= 3


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A GPT-2 in bf16: layers stored (in, out), some of them square, all with biases."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gpt2")
    settings = {"vocab_size": 320, "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 4}
    GPT2LMHeadModel(GPT2Config(**settings)).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
@pytest.mark.parametrize("form", GPT2)
def test_equal_to_pefts_merge_of_transposed_layers(gpt2, make_adapter, in_child, tmp_path, form):
    adapter = make_adapter(gpt2, tmp_path / "adapter", **GPT2[form])
    count = differences_to_peft(gpt2, adapter, in_child, tmp_path)
    assert count == 0 if blas.in_order() and "dora" not in form else count <= 3


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_a_square_layer_is_told_by_its_model(gpt2, make_adapter, tmp_path):
    """peft has one fan_in_fan_out for all layers and saves what it set for the last, here a linear one."""
    adapter = make_adapter(gpt2, tmp_path / "adapter", target_modules=["c_proj", "lm_head"])
    assert json.loads((adapter / "adapter_config.json").read_text())["fan_in_fan_out"] is False
    merge(gpt2, [Weighted(adapter)], tmp_path / "merged")
    unmerged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(gpt2, dtype="float32"), adapter)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="float32")
    assert np.abs(logits(unmerged) - logits(merged)).max() < 0.02  # bf16


# Of an embedding peft computes the product in the base's dtype, so only in float32 is its merge exact.
@pytest.mark.parametrize(
    ("dtype", "lora"),
    [("float16", {}), ("float32", {}), ("float32", {"target_modules": ["embed_tokens", "k_proj"]})],
    ids=["float16", "float32", "embedding in float32"],
)
def test_other_dtypes(make_llama, make_adapter, in_child, tmp_path, dtype, lora):
    base = make_llama(tmp_path / "base", dtype)
    adapter = make_adapter(base, tmp_path / "adapter", **lora)
    in_child(MERGE, base, adapter, tmp_path / "merged")
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(tmp_path / "peft")
    count = differences(tmp_path / "merged", load_file(tmp_path / "peft" / "model.safetensors"))
    assert count == 0 if blas.in_order() else count <= 1000


def logits(model) -> np.ndarray:
    tokens = torch.arange(40).reshape(2, 20)
    with torch.no_grad():
        return model(tokens).logits.float().numpy()


@pytest.mark.parametrize(
    "lora",
    [
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": ["lm_head"], "trainable_token_indices": {"embed_tokens": [3, 5]}},
        {"target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [3], "lm_head": [5]}},
        {"target_modules": ["embed_tokens"], "resize": 331},
        {"target_modules": ["lm_head"], "resize": 331},
    ],
    ids=[
        "head",
        "embedding",
        "both",
        "saved head",
        "saved embedding",
        "saved both",
        "head above tokens",
        "tokens apart",
        "resized embedding",
        "resized head",
    ],
)
def test_tied_embeddings_come_apart_where_the_adapter_parts_them(make_llama, make_adapter, tmp_path, lora):
    # In float32 the merge is exact to rounding; peft's own merge of these is off by 0.6 and more.
    base = make_llama(tmp_path / "base", "float32", tie_word_embeddings=True)
    adapter = make_adapter(base, tmp_path / "adapter", **lora)
    plan = merge(base, [Weighted(adapter)], tmp_path / "merged")
    assert plan.untied == "model.embed_tokens.weight"
    assert json.loads((tmp_path / "merged/config.json").read_text())["tie_word_embeddings"] is False
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    if "resize" in lora:
        model.resize_token_embeddings(lora["resize"])
    unmerged = PeftModel.from_pretrained(model, adapter)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert np.abs(logits(unmerged) - logits(merged)).max() < 1e-5


def test_a_tie_that_the_adapter_respects_is_kept(make_llama, make_adapter, tmp_path):
    base = make_llama(tmp_path / "base", tie_word_embeddings=True)
    adapter = make_adapter(base, tmp_path / "adapter")
    assert merge(base, [Weighted(adapter)], tmp_path / "merged").untied is None
    assert "lm_head.weight" not in load_file(tmp_path / "merged/model.safetensors")
    assert (tmp_path / "merged/config.json").read_bytes() == (base / "config.json").read_bytes()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "lora", [{"modules_to_save": ["embed_tokens", "lm_head"]}, {"trainable_token_indices": [320, 330]}, {}],
    ids=["saved", "tokens", "only resized"],
)  # fmt: skip
def test_a_resized_vocabulary_is_carried(make_llama, make_adapter, tmp_path, lora, tied):
    base = make_llama(tmp_path / "base", tie_word_embeddings=tied)
    adapter = make_adapter(base, tmp_path / "adapter", resize=331, target_modules=["q_proj"], **lora)
    (adapter / "tokenizer_config.json").write_text("{}")
    assert merge(base, [Weighted(adapter)], tmp_path / "merged").vocabulary == 331
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    model.resize_token_embeddings(331)
    unmerged = PeftModel.from_pretrained(model, adapter)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert merged.config.vocab_size == 331
    expected = unmerged.merge_and_unload().state_dict()
    assert all(
        torch.equal(tensor, expected[name])
        for name, tensor in merged.state_dict().items()
        if "q_proj" not in name
    )
    assert (tmp_path / "merged/tokenizer_config.json").exists()


def test_shards_are_mirrored_and_files_carried(make_adapter, tmp_path, base):
    sharded = tmp_path / "sharded"
    AutoModelForCausalLM.from_pretrained(base, dtype="auto").save_pretrained(sharded, max_shard_size="60KB")
    (sharded / "chat_template.jinja").write_text("{{ messages }}")
    (sharded / "README.md").write_text("---\nlicense: mit\n---\n")
    (sharded / "pytorch_model.bin").write_bytes(b"pickle")
    adapter = make_adapter(sharded, tmp_path / "adapter")
    done = []
    merge(sharded, [Weighted(adapter)], tmp_path / "merged", lambda count, total: done.append((count, total)))
    names = {path.name for path in sharded.iterdir()} - {"pytorch_model.bin", "README.md"}
    assert {path.name for path in (tmp_path / "merged").iterdir()} == names
    assert len([name for name in names if name.endswith(".safetensors")]) > 2
    index = json.loads((tmp_path / "merged/model.safetensors.index.json").read_text())
    assert (
        index["weight_map"]
        == json.loads((sharded / "model.safetensors.index.json").read_text())["weight_map"]
    )
    assert done[-1][0] == done[-1][1] == index["metadata"]["total_size"]
    AutoModelForCausalLM.from_pretrained(tmp_path / "merged")


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_weight_that_is_no_number_is_refused_and_nothing_is_left(base, adapter, copy_of, tmp_path, value):
    from safetensors.torch import save_file

    broken = copy_of(adapter)
    tensors = load_file(broken / "adapter_model.safetensors")
    name = next(name for name in tensors if "layers.1.mlp.up_proj.lora_B" in name)
    tensors[name][0, 0] = value
    save_file(tensors, broken / "adapter_model.safetensors")
    with pytest.raises(Refused, match=r"model\.layers\.1\.mlp\.up_proj\.lora_B.*adapter_model\.safetensors"):
        merge(base, [Weighted(broken)], tmp_path / "merged")
    tensors[name][0, 0] = 1e30  # sound, and too much for the result
    tensors[name.replace("lora_B", "lora_A")][0] = 1e30
    save_file(tensors, broken / "adapter_model.safetensors")
    with pytest.raises(Refused, match=r"'model\.layers\.1\.mlp\.up_proj\.weight'"):
        merge(base, [Weighted(broken)], tmp_path / "merged")
    assert list((tmp_path / "merged").iterdir()) == []


@pytest.mark.parametrize("missing", [[], ["copy_file_range"], ["copy_file_range", "sendfile"]])
def test_untouched_tensors_are_copied_whatever_the_file_system_can(
    base, adapter, tmp_path, monkeypatch, missing
):
    def cannot(*_arguments, **_keywords):
        raise OSError(errno.EXDEV, "cannot")

    merge(base, [Weighted(adapter)], tmp_path / "usual")
    monkeypatch.setattr(os, "copy_file_range", cannot)
    merge(base, [Weighted(adapter)], tmp_path / "merged")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "usual" / name).read_bytes()


def test_threads_write_the_same_and_the_first_failure_ends_it(base, adapter, tmp_path):
    merge(base, [Weighted(adapter)], tmp_path / "one")
    done = []
    merge(base, [Weighted(adapter)], tmp_path / "three", lambda count, total: done.append(count), threads=3)
    merged = [tmp_path / name / "model.safetensors" for name in ("one", "three")]
    assert merged[0].read_bytes() == merged[1].read_bytes()
    assert done == sorted(done)

    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(base, [Weighted(adapter)], tmp_path / "stopped", stop, threads=3)
    assert list((tmp_path / "stopped").iterdir()) == []
