"""Every form of adapter that peft saves: the merged model gives the logits of the unmerged one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration

from tarot_tui.errors import Refused
from tarot_tui.export.adapter import Adapter, Weighted
from tarot_tui.export.forms import in_base, read_forms
from tarot_tui.export.merge import merge

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def logits(model) -> np.ndarray:
    with torch.no_grad():
        return model(torch.arange(40).reshape(2, 20)).logits.float().numpy()


def apart(one, other) -> float:
    return float(np.abs(logits(one) - logits(other)).max())


def load(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()


def merged_and_unmerged(base: Path, adapter: Path, target: Path) -> float:
    """How far the logits of our merge are from those of the unmerged adapter."""
    merge(base, [Weighted(adapter)], target)
    return apart(load(target), PeftModel.from_pretrained(load(base), adapter).eval())


FORMS = {
    "dora": {"use_dora": True},
    "dora on the embedding": {"use_dora": True, "target_modules": ["embed_tokens", "v_proj"]},
    "dora with rslora": {"use_dora": True, "use_rslora": True, "rank_pattern": {"q_proj": 3}},
    "biases": {"bias": "all"},
    "biases of the layers": {"bias": "lora_only"},
    "bias in the product": {"lora_bias": True, "target_modules": ["q_proj", "v_proj"]},
    "tokens": {"trainable_token_indices": [1, 5], "target_modules": ["q_proj"]},
    "tokens of both sides": {
        "trainable_token_indices": {"lm_head": [1, 5], "embed_tokens": [2]},
        "target_modules": ["q_proj"],
    },
    "a parameter": {"target_parameters": ["self_attn.q_proj.weight"], "target_modules": []},
}


@pytest.fixture(scope="module")
def biased(make_llama, tmp_path_factory) -> Path:
    """A Llama in float32, where rounding hides nothing, whose attention has biases."""
    return make_llama(tmp_path_factory.mktemp("biased") / "biased", "float32", attention_bias=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_adapter(biased, make_adapter, tmp_path, form):
    adapter = make_adapter(biased, tmp_path / "adapter", **FORMS[form])
    assert apart(load(biased), PeftModel.from_pretrained(load(biased), adapter)) > 1e-3
    assert merged_and_unmerged(biased, adapter, tmp_path / "merged") < 1e-4


@pytest.mark.parametrize(
    "lora",
    [
        {"trainable_token_indices": [1, 5], "target_modules": ["q_proj"]},
        {"target_modules": ["embed_tokens", "lm_head"], "ensure_weight_tying": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
    ],
    ids=["tokens", "lora", "saved module"],
)
def test_a_tie_that_peft_keeps_is_kept(make_llama, make_adapter, tmp_path, lora):
    base = make_llama(tmp_path / "base", "float32", tie_word_embeddings=True)
    adapter = make_adapter(base, tmp_path / "adapter", **lora)
    _tie_again(adapter)
    assert merged_and_unmerged(base, adapter, tmp_path / "merged") < 1e-4
    assert "lm_head.weight" not in load_file(tmp_path / "merged/model.safetensors")


def _tie_again(adapter: Path) -> None:
    """Moving every weight at random parted what training keeps equal."""
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    embedding, head = "base_model.model.model.embed_tokens.", "base_model.model.lm_head."
    if f"{head}lora_A.weight" in tensors:
        tensors[f"{head}lora_A.weight"] = tensors[f"{embedding}lora_embedding_B"].T.contiguous()
        tensors[f"{head}lora_B.weight"] = tensors[f"{embedding}lora_embedding_A"].T.contiguous()
        save_file(tensors, path)


def test_a_tied_head_that_is_stored_all_the_same_comes_apart_too(make_llama, make_adapter, tmp_path):
    base = make_llama(tmp_path / "base", "float32", tie_word_embeddings=True)
    tensors = load_file(base / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    adapter = make_adapter(base, tmp_path / "adapter", target_modules=["embed_tokens", "q_proj"])
    assert merged_and_unmerged(base, adapter, tmp_path / "merged") < 1e-4
    assert json.loads((tmp_path / "merged/config.json").read_text())["tie_word_embeddings"] is False


def gpt2(folder: Path) -> Path:
    """A GPT-2 with its transposed Conv1D layers, of which ``attn.c_proj`` is square."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    settings = {"vocab_size": 96, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(**settings)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("prefixed", [True, False], ids=["", "names without the prefix"])
def test_transposed_layers(make_adapter, tmp_path, dora, prefixed):
    base = gpt2(tmp_path / "base")
    adapter = make_adapter(
        base, tmp_path / "adapter", target_modules=["c_attn", "c_proj", "c_fc"], use_dora=dora, bias="all"
    )
    if not prefixed:  # as the first GPT-2 checkpoints are
        tensors = load_file(base / "model.safetensors")
        tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
        save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    assert merged_and_unmerged(base, adapter, tmp_path / "merged") < 1e-4


def seeing(folder: Path) -> Path:
    """A small Gemma 3 with its eyes, under the names of the checkpoints that Google published."""
    text = {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "head_dim": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
    }  # fmt: skip
    eyes = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=eyes, mm_tokens_per_image=4)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_the_text_part_of_a_model_that_also_sees(make_adapter, tmp_path):
    base = seeing(tmp_path / "base")
    targets = r".*language_model.*\.(q_proj|down_proj|embed_tokens)"
    adapter = make_adapter(base, tmp_path / "adapter", target_modules=targets)
    assert merged_and_unmerged(base, adapter, tmp_path / "merged") < 1e-5
    ours, before = load_file(tmp_path / "merged/model.safetensors"), load_file(base / "model.safetensors")
    changed = {name for name in before if not torch.equal(ours[name], before[name])}
    assert len(changed) == 5 and all(name.startswith("language_model.model.") for name in changed)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (
            "model.language_model.layers.0.mlp.up_proj.weight",
            "language_model.model.layers.0.mlp.up_proj.weight",
        ),
        ("model.language_model.norm.weight", "model.norm.weight"),  # Qwen2.5-VL
        ("model.layers.0.mlp.up_proj.weight", "model.language_model.layers.0.mlp.up_proj.weight"),  # Qwen3.5
        ("model.layers.0.mlp.up_proj.weight", "language_model.model.layers.0.mlp.up_proj.weight"),  # Llama 4
        ("lm_head.weight", "language_model.lm_head.weight"),
        ("model.visual.merger.weight", "visual.merger.weight"),
    ],
)
def test_names_that_transformers_changes_as_it_loads_a_model(name, stored):
    assert in_base(name, {stored: (1,), "other.weight": (1,)}) == stored
    assert in_base(name, {stored: (1,), name: (1,)}) == name


def test_a_product_that_was_never_trained_is_idle(make_adapter, biased, tmp_path):
    with Adapter(make_adapter(biased, tmp_path / "adapter", target_modules=["q_proj"])) as adapter:
        assert not any(change.idle for change in read_forms(adapter, {}, "llama").values())
    weights = load_file(tmp_path / "adapter/adapter_model.safetensors")
    zeros = {name: torch.zeros_like(one) if "lora_B" in name else one for name, one in weights.items()}
    save_file(zeros, tmp_path / "adapter/adapter_model.safetensors", {"format": "pt"})
    with Adapter(tmp_path / "adapter") as adapter:
        assert all(change.idle for change in read_forms(adapter, {}, "llama").values())


def moe(folder: Path, kind: str) -> Path:
    """A mixture of four experts. transformers saves Mixtral and Qwen3-MoE by expert, gpt-oss fused."""
    import transformers

    torch.manual_seed(0)
    settings = {
        "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "moe_intermediate_size": 48, "head_dim": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "num_experts_per_tok": 2,
        "num_local_experts": 4, "num_experts": 4, "max_position_embeddings": 64, "tie_word_embeddings": False,
    }  # fmt: skip
    if kind == "GptOss":
        settings["intermediate_size"] = 32  # all square, where only the model's name tells how they lie
    config = getattr(transformers, f"{kind}Config")(**settings)
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["Mixtral", "Qwen3Moe", "GptOss"])
def test_experts(make_adapter, tmp_path, kind):
    base = moe(tmp_path / "base", kind)
    adapter = make_adapter(
        base, tmp_path / "adapter", r=4, lora_alpha=12, target_modules=["q_proj"],
        target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
    )  # fmt: skip
    assert merged_and_unmerged(base, adapter, tmp_path / "merged") < 1e-4
    model = PeftModel.from_pretrained(load(base), adapter).merge_and_unload()
    model.save_pretrained(tmp_path / "peft")
    found = load_file(tmp_path / "merged/model.safetensors")
    for name, expected in load_file(tmp_path / "peft/model.safetensors").items():
        # Bit for bit where numpy adds in torch's order, which it does under a worker's environment; here nearly so.
        assert torch.allclose(found[name], expected, rtol=1e-6, atol=1e-8), name


def test_experts_of_a_text_part(make_adapter, tmp_path):
    """The same weights under the names of a model that also sees give the same."""
    base = moe(tmp_path / "base", "GptOss")
    adapter = make_adapter(
        base, tmp_path / "adapter", target_modules=["q_proj"], target_parameters=["mlp.experts.down_proj"]
    )
    seeing = tmp_path / "seeing"
    seeing.mkdir()
    shutil.copyfile(base / "config.json", seeing / "config.json")

    def there(name: str) -> str:
        return name.replace("model.", "model.language_model.", 1)

    weights = load_file(base / "model.safetensors")
    save_file({there(name): one for name, one in weights.items()}, seeing / "model.safetensors")
    for folder, target in ((base, "one"), (seeing, "other")):
        merge(folder, [Weighted(adapter)], tmp_path / target)
    found = load_file(tmp_path / "other/model.safetensors")
    for name, one in load_file(tmp_path / "one/model.safetensors").items():
        assert torch.equal(found[there(name)], one)


def test_fused_experts_that_lie_the_other_way(make_adapter, tmp_path):
    """Where a checkpoint holds the stack as (experts, out, in)."""
    from tarot_tui.export.safetensors_file import Checkpoint

    base = moe(tmp_path / "base", "Qwen3Moe")
    adapter = make_adapter(
        base, tmp_path / "adapter", r=4, target_modules=[], target_parameters=["mlp.experts.down_proj"]
    )
    model = load(base)
    runtime = PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()
    fused = tmp_path / "fused"
    fused.mkdir()
    save_file(
        {name: tensor.clone() for name, tensor in load(base).state_dict().items()},
        fused / "model.safetensors",
    )
    (fused / "config.json").write_text((base / "config.json").read_text())
    merge(fused, [Weighted(adapter)], tmp_path / "merged")
    with Checkpoint(tmp_path / "merged") as found:
        for name in found:
            values = torch.from_numpy(found.where[name].read(name))
            assert torch.allclose(values, runtime[name], atol=1e-5), name


def test_several_adapters_add_up_by_weight(make_llama, make_adapter, tmp_path):
    base = make_llama(tmp_path / "base", "float32")
    one = make_adapter(base, tmp_path / "one")
    other = make_adapter(base, tmp_path / "other", r=3, target_modules=["q_proj", "lm_head"])
    merge(base, [Weighted(one, 0.7), Weighted(other, -0.25)], tmp_path / "merged")
    found = load_file(tmp_path / "merged/model.safetensors")
    before = load_file(base / "model.safetensors")
    expected = {name: tensor.clone() for name, tensor in before.items()}
    for folder, weight in ((one, 0.7), (other, -0.25)):
        whole = PeftModel.from_pretrained(load(base), folder).merge_and_unload().state_dict()
        for name in expected:
            expected[name] += weight * (whole[name] - before[name])
    assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)


def test_what_is_no_sum_is_not_weighted(biased, make_adapter, tmp_path):
    saved = make_adapter(biased, tmp_path / "saved", target_modules=["q_proj"], modules_to_save=["lm_head"])
    plain = make_adapter(biased, tmp_path / "plain", target_modules=["q_proj", "lm_head"])
    with pytest.raises(Refused, match=r"lm_head.*weight 1"):
        merge(biased, [Weighted(saved, 0.5)], tmp_path / "merged")
    with pytest.raises(Refused, match=r"Two of the adapters set 'lm_head"):
        merge(biased, [Weighted(saved), Weighted(plain)], tmp_path / "merged")


def test_damaged_forms_are_refused(biased, make_adapter, tmp_path):
    dora = make_adapter(biased, tmp_path / "dora", use_dora=True)
    path = dora / "adapter_model.safetensors"
    save_file({name: t for name, t in load_file(path).items() if "magnitude" not in name}, path)
    with pytest.raises(Refused, match="other half"):
        merge(biased, [Weighted(dora)], tmp_path / "merged")
    tokens = make_adapter(
        biased, tmp_path / "tokens", trainable_token_indices=[1, 5], target_modules=["q_proj"]
    )
    config = json.loads((tokens / "adapter_config.json").read_text())
    (tokens / "adapter_config.json").write_text(json.dumps(config | {"trainable_token_indices": [1]}))
    with pytest.raises(Refused, match="trainable_token_indices"):
        merge(biased, [Weighted(tokens)], tmp_path / "merged")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "adapter_config.json").write_text((dora / "adapter_config.json").read_text())
    (pickled / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(Refused, match="pickle"):
        merge(biased, [Weighted(pickled)], tmp_path / "merged")
