"""The types that llama.cpp's own quantiser (``llama_model_quantize``, build 9190) chose for these shapes."""

from __future__ import annotations

import pytest

from tarot_tui.export.kquants import QUANTS, Model, Type, choose, estimate, fitting

LAYERS = 9
EDGES = "{hi} {lo} {lo} {hi} {lo} {lo} {hi} {hi} {hi}"  # of nine layers
FIRST = "Q5_K Q5_K Q5_K Q5_K Q4_K Q4_K Q4_K Q4_K Q4_K"
EIGHTH = "Q5_K" + " Q4_K" * 8
PLAIN = ("attn_k", "attn_output", "attn_q", "ffn_gate", "ffn_up")
DENSE = {
    "q4_k_m": ("Q4_K", EDGES.format(hi="Q6_K", lo="Q4_K"), EDGES.format(hi="Q6_K", lo="Q4_K")),
    "q5_k_m": ("Q5_K", EDGES.format(hi="Q6_K", lo="Q5_K"), EDGES.format(hi="Q6_K", lo="Q5_K")),
    "q4_k_s": ("Q4_K", FIRST, EIGHTH),
    "q6_k": ("Q6_K", "Q6_K", "Q6_K"),
    "q4_0": ("Q4_0", "Q4_0", "Q4_0"),
}


def tensors(parts, *, output: bool, width: int = 256, layers: int = LAYERS, experts: int = 0):
    """What a model of these parts has, in llama.cpp's order."""
    found = [("output.weight", (1000, width), Type.BF16)] if output else []
    found += [("output_norm.weight", (width,), Type.F32), ("token_embd.weight", (1000, width), Type.BF16)]
    for layer in range(layers):
        for part in sorted([*parts, "attn_norm"]):
            shape = (width,) if "norm" in part else (64, width)
            shape = (experts, *shape) if part.endswith("_exps") else shape
            found.append((f"blk.{layer}.{part}.weight", shape, Type.F32 if "norm" in part else Type.BF16))
    return found


def chosen(choice, part: str) -> str:
    """The types of one part, layer by layer; a single name when they are all the same."""
    names = [kind.name for name, kind in choice.types.items() if f".{part}." in f".{name}"]
    return names[0] if len(set(names)) == 1 else " ".join(names)


@pytest.mark.parametrize("quant", DENSE)
@pytest.mark.parametrize("value", ["attn_v", "attn_qkv"])
@pytest.mark.parametrize("output", [True, False])
def test_a_dense_model(quant, value, output):
    usual, values, downs = DENSE[quant]
    choice = choose(QUANTS[quant], tensors([*PLAIN, value, "ffn_down"], output=output), Model(LAYERS))
    assert {chosen(choice, part) for part in PLAIN} == {usual}
    assert chosen(choice, value) == values
    assert chosen(choice, "ffn_down") == downs
    assert chosen(choice, "attn_norm") == "F32"
    assert chosen(choice, "token_embd") == (usual if output else "Q6_K")
    assert chosen(choice, "output") == ("Q6_K" if output else "")
    assert choice.narrow == 0


@pytest.mark.parametrize(
    ("quant", "attention_output", "downs"),
    [
        ("q4_k_m", "Q5_K", "Q4_K Q4_K Q6_K Q4_K Q6_K"),
        ("q5_k_m", "Q5_K", "Q5_K Q5_K Q6_K Q5_K Q6_K"),
        ("q4_k_s", "Q5_K", "Q4_K"),
        ("q6_k", "Q6_K", "Q6_K"),
        ("q4_0", "Q4_0", "Q4_0"),
    ],
)
def test_eight_experts(quant, attention_output, downs):
    parts = ["attn_k", "attn_output", "attn_q", "attn_v", "ffn_down_exps", "ffn_gate_inp"]
    choice = choose(QUANTS[quant], tensors(parts, output=True, layers=5, experts=8), Model(5, experts=8))
    assert chosen(choice, "attn_k") == chosen(choice, "attn_v") == "Q8_0"
    assert chosen(choice, "attn_output") == attention_output
    assert chosen(choice, "ffn_down_exps") == downs
    assert chosen(choice, "ffn_gate_inp") == "BF16"


def test_narrow_tensors_get_shorter_blocks_and_are_counted():
    # SmolLM2's width of 576 is no multiple of 256.
    choice = choose(QUANTS["q4_k_m"], tensors([*PLAIN, "attn_v"], output=False, width=576), Model(LAYERS))
    assert {chosen(choice, part) for part in PLAIN} == {"Q5_0"}
    assert chosen(choice, "attn_v") == EDGES.format(hi="Q8_0", lo="Q5_0")
    assert chosen(choice, "token_embd") == "Q8_0"
    assert choice.narrow == LAYERS * 6
    assert fitting(Type.Q4_K, 40) is Type.F16 and fitting(Type.Q8_0, 40) is Type.F16


def test_the_estimate_is_near_the_truth():
    shapes = [(1000, 256), (256,), (512, 256)]
    assert estimate(QUANTS["q8_0"], shapes) == 1512 * 256 * 34 // 32
    assert estimate(QUANTS["f16"], shapes) == 1512 * 256 * 2
