from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from tarot_tui.errors import BadInput, Refused
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.plan import planned


def plan(base, adapter):
    with planned(base, [Weighted(adapter)]) as (_checkpoint, found, _config):
        return found


def edited(adapter, change):
    """The adapter with its tensors passed through ``change``."""
    path = adapter / "adapter_model.safetensors"
    save_file(change(load_file(path)), path)
    return adapter


def test_every_tensor_of_the_adapter_has_its_place(base, adapter):
    found = plan(base, adapter)
    assert len(found.changes) == 2 * 7
    assert {product.scale for change in found.changes.values() for product in change.products} == {2.0}
    assert not found.added and found.vocabulary is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("peft_type", "LOHA"),
        ("layer_replication", [[0, 1], [0, 2]]),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "olora"),
        ("init_lora_weights", ["loftq"]),
        ("alora_invocation_tokens", [5]),
        ("use_qalora", True),
        ("something_of_the_future", {"on": 1}),
        ("rank_pattern", ["q_proj"]),
    ],
)
def test_what_is_not_merged_exactly_is_refused_by_name(base, adapter, copy_of, key, value):
    with pytest.raises(Refused, match=key):
        plan(base, copy_of(adapter, "adapter_config.json", **{key: value}))


@pytest.mark.parametrize("value", [0, -1, float("nan"), "16", None, True])
def test_a_rank_or_alpha_that_is_no_number_is_refused(base, adapter, copy_of, value):
    with pytest.raises(Refused, match="no positive number"):
        plan(base, copy_of(adapter, "adapter_config.json", lora_alpha=value))


def test_a_rank_that_is_not_the_weights_own_is_refused(base, adapter, copy_of):
    with pytest.raises(Refused, match="damaged"):
        plan(base, copy_of(adapter, "adapter_config.json", r=4))


def test_a_broken_pattern_is_refused(base, adapter, copy_of):
    with pytest.raises(Refused, match="pattern"):
        plan(base, copy_of(adapter, "adapter_config.json", alpha_pattern={"(": 8}))


def test_a_tensor_that_nobody_knows_is_named(base, adapter, copy_of):
    extra = edited(copy_of(adapter), lambda tensors: tensors | {"base_model.model.x.lora_Z": torch.ones(2)})
    with pytest.raises(Refused, match="lora_Z"):
        plan(base, extra)


def test_half_of_a_pair_is_refused(base, adapter, copy_of):
    def lose(tensors):
        del tensors[next(name for name in tensors if "lora_B" in name)]
        return tensors

    with pytest.raises(Refused, match="other half"):
        plan(base, edited(copy_of(adapter), lose))


def test_an_adapter_of_another_base_is_refused(base, adapter, make_llama, tmp_path):
    with pytest.raises(Refused, match="does not fit"):
        plan(make_llama(tmp_path / "wide", hidden_size=128), adapter)
    with pytest.raises(Refused, match="does not have"):
        plan(make_llama(tmp_path / "short", num_hidden_layers=1), adapter)


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "awq"])
def test_a_quantised_base_is_refused(base, adapter, copy_of, method):
    with pytest.raises(Refused, match=rf"quantised \({method}\).*--base"):
        plan(copy_of(base, "config.json", quantization_config={"quant_method": method}), adapter)
    with pytest.raises(Refused, match=method):
        inner = {"quantization_config": {"quant_method": method}}
        plan(copy_of(base, "config.json", text_config=inner), adapter)


@pytest.mark.parametrize(("file", "method"), [("quantize_config.json", "gptq"), ("quant_config.json", "awq")])
def test_a_base_that_was_quantised_long_ago_is_refused(base, adapter, copy_of, file, method):
    old = copy_of(base)
    (old / file).write_text('{"bits": 4}')
    with pytest.raises(Refused, match=method):
        plan(old, adapter)


@pytest.mark.parametrize("lost", ["cut", "missing", "not in the index"])
def test_an_incomplete_base_is_refused(base, adapter, tmp_path, lost):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(base, dtype="auto").save_pretrained(tmp_path, max_shard_size="60KB")
    shard = sorted(tmp_path.glob("*.safetensors"))[1]
    if lost == "cut":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif lost == "missing":
        shard.unlink()
    else:
        save_file(dict(list(load_file(shard).items())[1:]), shard)
    with pytest.raises((Refused, BadInput)) as refusal:
        plan(tmp_path, adapter)
    assert shard.name in str(refusal.value) or "the index names" in str(refusal.value)


def test_a_truncated_adapter_is_refused(base, adapter, copy_of):
    cut = copy_of(adapter)
    path = cut / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Refused, match="incomplete"):
        plan(base, cut)


def test_a_folder_without_an_adapter_is_bad_input(base, tmp_path):
    with pytest.raises(BadInput, match="adapter_config"):
        plan(base, tmp_path)


def test_a_vocabulary_resized_on_one_side_only_is_refused(base, make_adapter, tmp_path):
    grown = make_adapter(base, tmp_path / "grown", resize=330, modules_to_save=["embed_tokens", "lm_head"])
    assert plan(base, grown).vocabulary == 330

    def one_side(tensors):
        return {name: tensor for name, tensor in tensors.items() if "lm_head" not in name}

    config = json.loads((grown / "adapter_config.json").read_text())
    (grown / "adapter_config.json").write_text(json.dumps(config | {"modules_to_save": ["embed_tokens"]}))
    with pytest.raises(Refused, match="must agree"):
        plan(base, edited(grown, one_side))
