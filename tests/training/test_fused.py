"""What is computed with less gives the loss and the gradients that autograd gives, in fp32 to rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from tarot_tui.training.engines.fused import fuse, segments
from tarot_tui.training.engines.fused.blockwise import CausalAttention, Rule
from tarot_tui.training.engines.fused.loss import CrossEntropy, Head
from tarot_tui.training.engines.fused.mlp import Gated
from tarot_tui.training.engines.fused.norm import Kind, RMSNorm

SMALL = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
FAMILIES = {
    "llama": {"attention_bias": True, "mlp_bias": True},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "mistral": {"sliding_window": 8},
    "gemma2": {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16, "final_logit_softcapping": 3.0},
    "gemma3_text": {"head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16, "_sliding_window_pattern": 2},
    "phi3": {"sliding_window": 8},
    "granite": {"logits_scaling": 4.0, "residual_multiplier": 0.5, "embedding_multiplier": 2.0},
    "olmo2": {},
    "smollm3": {"no_rope_layers": [1, 0]},
    "cohere": {"logit_scale": 0.3},
}  # fmt: skip


def close(found: torch.Tensor | None, wanted: torch.Tensor | None, within: float = 2e-5) -> bool:
    """Whether two gradients agree to rounding, measured by their lengths."""
    return (found - wanted).norm() <= within * wanted.norm() + 1e-12


def gradients(result: torch.Tensor, *of: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Gradients of an uneven sum of ``result``."""
    weights = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).view_as(result)
    return torch.autograd.grad((result * weights).sum(), of)


@pytest.mark.parametrize("kind", [Kind(False, True), Kind(False, False), Kind(True, False)], ids=str)
def test_rms_norm_is_what_autograd_makes_of_its_formula(kind):
    torch.manual_seed(0)
    x, weight = torch.randn(2, 7, 24, requires_grad=True), torch.randn(24)
    plain = (
        x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * (weight + 1 if kind.plus_one else weight)
    )
    fused = RMSNorm.apply(x, weight, 1e-5, kind)
    assert close(fused, plain)
    assert close(*gradients(fused, x), *gradients(plain, x))


@pytest.mark.parametrize(
    "which,act",
    enumerate([nn.functional.silu, lambda x: nn.functional.gelu(x, approximate="tanh"), nn.functional.gelu]),
    ids=["silu", "gelu-tanh", "gelu"],
)
def test_a_gated_unit_is_what_autograd_makes_of_it(which, act):
    torch.manual_seed(0)
    gate, up = torch.randn(2, 40, requires_grad=True), torch.randn(2, 40, requires_grad=True)
    plain, fused = act(gate) * up, Gated.apply(gate, up, which)
    assert close(fused, plain)
    for found, wanted in zip(gradients(fused, gate, up), gradients(plain, gate, up), strict=True):
        assert close(found, wanted)


@pytest.mark.parametrize(
    "cap,scale,bias", [(0.0, 1.0, False), (2.0, 1.0, True), (0.0, 0.25, True), (2.0, 3.0, False)]
)
def test_the_loss_in_chunks_is_the_loss_of_whole_logits(monkeypatch, cap, scale, bias):
    from tarot_tui.training import activations

    monkeypatch.setitem(activations.SCORE_BYTES, "cpu", 4 * 50 * 16)  # 16 positions at a time
    torch.manual_seed(0)
    head = nn.Linear(24, 50, bias=bias).requires_grad_(False)
    hidden, targets = torch.randn(45, 24, requires_grad=True), torch.randint(50, (45,))
    scores = head(hidden) * scale
    scores = torch.tanh(scores / cap) * cap if cap else scores
    plain = nn.functional.cross_entropy(scores, targets, reduction="sum")
    fused = CrossEntropy.apply(hidden, targets, head.weight, head.bias, Head(head, scale, cap))
    assert fused.item() == pytest.approx(plain.item(), rel=1e-6)
    assert close(*torch.autograd.grad(fused / 7, hidden), *torch.autograd.grad(plain / 7, hidden))


@pytest.mark.parametrize(
    "rule", [Rule(0.3), Rule(0.3, window=5), Rule(0.3, cap=1.5), Rule(0.3, 40, 1.5)], ids=str
)
def test_attention_by_blocks_is_attention_of_each_text_alone(monkeypatch, rule):
    from tarot_tui.training.engines.fused import blockwise

    monkeypatch.setitem(blockwise._BLOCK_BYTES, "cpu", 1)  # the smallest blocks there are
    torch.manual_seed(0)
    boundaries = [0, 1, 38, 188]
    q, k, v = (torch.randn(heads, 188, 16, requires_grad=True) for heads in (6, 2, 2))
    scores = q @ k.repeat_interleave(3, 0).transpose(1, 2) * rule.scale
    scores = torch.tanh(scores / rule.cap) * rule.cap if rule.cap else scores
    seen = torch.ones(188, 188, dtype=torch.bool).tril()
    seen = seen.triu(1 - rule.window) if rule.window else seen
    text = torch.bucketize(torch.arange(188), torch.tensor(boundaries), right=True)
    seen &= text[:, None] == text
    plain = (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v.repeat_interleave(3, 0)).transpose(0, 1)
    if rule == Rule(0.3):  # what a GPU without a kernel for rows does
        assert close(segments._text_by_text(q, k, v, boundaries, rule), plain)
    fused = CausalAttention.apply(q, k, v, boundaries, rule)
    assert close(fused, plain)
    for found, wanted in zip(gradients(fused, q, k, v), gradients(plain, q, k, v), strict=True):
        assert close(found, wanted)


def tuned(family: str, **lora: Any) -> nn.Module:
    """A random model of two layers with LoRA in fp32 whose matrices are both not zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SMALL, **FAMILIES[family]})
    base = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for weight in base.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.1)
    options = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **lora}
    model = get_peft_model(base, LoraConfig(**options))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(std=0.1)
    return model.train()


TEXTS = [list(range(3, 25)), list(range(40, 47)), [5, 9, 5, 60, 61, 62, 63, 64, 65, 66, 67, 68, 2], [7, 8, 9]]
PROMPT = 2


def padded() -> dict[str, torch.Tensor]:
    longest = max(map(len, TEXTS))
    labels = [[-100] * PROMPT + text[PROMPT:] for text in TEXTS]
    return {
        "input_ids": torch.tensor([text + [0] * (longest - len(text)) for text in TEXTS]),
        "attention_mask": torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in TEXTS]),
        "labels": torch.tensor([one + [-100] * (longest - len(one)) for one in labels]),
    }


def in_a_row() -> dict[str, torch.Tensor]:
    lengths = torch.tensor([len(text) for text in TEXTS])
    return {
        "input_ids": torch.tensor([[token for text in TEXTS for token in text]]),
        "attention_mask": torch.ones(1, int(lengths.sum()), dtype=torch.long),
        "position_ids": torch.tensor([[place for text in TEXTS for place in range(len(text))]]),
        "labels": torch.tensor([[label for text in TEXTS for label in [-100] * PROMPT + text[PROMPT:]]]),
        "lengths": lengths,
    }


def learned(model: nn.Module, batch: dict[str, torch.Tensor]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss of the batch, divided by 50 labels, and every gradient."""
    model.zero_grad()
    loss = model(**batch, num_items_in_batch=torch.tensor(50)).loss
    loss.backward()
    return loss.item(), {name: w.grad.clone() for name, w in model.named_parameters() if w.requires_grad}


@pytest.mark.parametrize("checkpointing", [False, True], ids=["", "checkpointing"])
@pytest.mark.parametrize("family", FAMILIES)
def test_fused_and_without_padding_every_family_learns_the_same(family, checkpointing):
    model = tuned(family)
    # Written out, because torch's own kernels cannot bend scores as Gemma 2 does.
    model.get_base_model().set_attn_implementation("eager")
    plain_loss, plain = learned(model, padded())
    made = fuse(model, rows=True)
    assert made.loss and made.rows and not made.left
    assert (made.lora, made.mlps) == (len(plain) // 2, 2) and (made.norms or family == "cohere")
    if checkpointing:
        model.get_base_model().enable_input_require_grads()
        model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
    for batch in (padded(), in_a_row()):
        loss, found = learned(model, batch)
        assert loss == pytest.approx(plain_loss, rel=1e-5)
        for name in plain:
            assert close(found[name], plain[name], 1e-4), name
    with torch.no_grad():
        assert model.eval()(**in_a_row(), num_items_in_batch=50).loss.item() == pytest.approx(
            plain_loss, rel=1e-5
        )


SAID_LORA = "LoRA layers are computed by peft"
SAID_LOSS = "The loss is computed from whole logits"


@pytest.mark.parametrize(
    "lora,said",
    [
        ({"lora_dropout": 0.1}, SAID_LORA),
        ({"use_dora": True}, SAID_LORA),
        ({"lora_bias": True}, SAID_LORA),
        ({"modules_to_save": ["lm_head"]}, SAID_LOSS),
        ({"target_modules": ["q_proj", "lm_head"]}, SAID_LOSS),
    ],
    ids=["dropout", "dora", "bias", "head", "lora-on-head"],
)
def test_what_is_not_known_to_come_out_the_same_stays_and_is_said(lora, said):
    model = tuned("llama", **lora).eval()  # without the chance in dropout
    plain_loss, plain = learned(model, padded())
    made = fuse(model, rows=True)
    assert [said in sentence for sentence in made.left] == [True]
    assert (said is SAID_LOSS) != made.loss and made.rows
    loss, found = learned(model, in_a_row())
    assert loss == pytest.approx(plain_loss, rel=1e-5)
    assert all(close(found[name], plain[name], 1e-4) for name in plain)


def test_with_a_second_adapter_peft_computes_what_it_knows_best():
    from peft import LoraConfig

    model = tuned("llama")
    made = fuse(model, rows=False)
    model.add_adapter("other", LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert fuse(model, rows=False).lora == 0 and made.lora
    with torch.no_grad():
        one = model(input_ids=padded()["input_ids"]).logits
        model.base_model.set_adapter(["default", "other"])
        both = model(input_ids=padded()["input_ids"]).logits
        with model.disable_adapter():
            neither = model(input_ids=padded()["input_ids"]).logits
    assert torch.allclose(one, both, atol=1e-5)  # the other's second matrix is still zero
    assert not torch.allclose(one, neither, atol=1e-3)


def test_texts_are_padded_where_a_layer_runs_on_from_one_into_the_next():
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "qwen3_next", **SMALL, head_dim=8, num_experts=2, num_experts_per_tok=1, moe_intermediate_size=16,
        shared_expert_intermediate_size=16, linear_num_value_heads=2, linear_num_key_heads=2,
        linear_key_head_dim=8, linear_value_head_dim=8,
    )  # fmt: skip
    made = fuse(AutoModelForCausalLM.from_config(config), rows=True)
    assert not made.rows and any("Batches are padded" in sentence for sentence in made.left)


def test_a_mixture_of_experts_keeps_the_loss_that_it_adds():
    from transformers import AutoConfig, AutoModelForCausalLM

    for adds in (True, False):
        config = AutoConfig.for_model("mixtral", **SMALL, num_local_experts=2, output_router_logits=adds)
        model = AutoModelForCausalLM.from_config(config).requires_grad_(False)
        wanted = model(**padded()).loss
        made = fuse(model, rows=True)
        assert made.rows and made.loss != adds
        assert model(**padded()).loss.item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("bits", [4, 8])
def test_a_base_in_few_bits_learns_as_its_numbers_would(tiny_llama, bits):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from tarot_tui.training.engines.fused.quantised import dense, is_quantised

    kind = BitsAndBytesConfig(
        load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )  # fmt: skip

    def made(**options: Any) -> nn.Module:
        base = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32, **options)
        torch.manual_seed(0)
        lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
        return get_peft_model(base, lora).train()

    quantised, whole = made(quantization_config=kind, device_map={"": "cpu"}), made()
    for few, all_bits in zip(quantised.modules(), whole.modules(), strict=True):
        if is_quantised(few):
            all_bits.weight.data = dense(few, torch.float32)
    # bitsandbytes keeps the norms of an 8-bit model in 16 bits.
    whole.load_state_dict(
        {n: w for n, w in quantised.state_dict().items() if "norm" in n or "lora" in n}, strict=False
    )
    wanted_loss, wanted = learned(whole, padded())
    assert fuse(quantised, rows=True).lora == 14
    loss, found = learned(quantised, in_a_row())
    assert loss == pytest.approx(wanted_loss, rel=1e-4)
    assert all(close(found[name], wanted[name], 1e-3) for name in wanted)


def test_autocast_casts_for_a_fused_layer_as_for_a_plain_one():
    model = tuned("llama")
    fuse(model, rows=True)
    wanted, _gradients = learned(model, in_a_row())
    with torch.autocast("cpu", torch.bfloat16):
        loss, found = learned(model, in_a_row())
    assert loss == pytest.approx(wanted, rel=0.02)
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in found.values())


def test_without_a_gpu_ligers_kernels_are_done_without_and_that_is_said(capsys):
    from tarot_tui.training.engines.kernels import fit
    from tarot_tui.training.recipe import Recipe

    asked = Recipe(model_name_or_path="m", dataset="d", enable_liger_kernel=True, flash_attn="sdpa")
    made = fit(tuned("llama"), asked, cpu=True)
    assert made.loss and made.lora and not made.rows  # the kind of attention was chosen
    assert capsys.readouterr().out.startswith("Our own kernels are used: Liger's need a GPU")
