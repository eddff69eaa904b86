"""Which type each tensor of a GGUF gets: llama.cpp's rules for the quantisations we offer.

The rules are those of ``llama_tensor_get_type`` and ``tensor_allows_quantization`` in llama.cpp's
``src/llama-quant.cpp``, without importance matrix; types and block sizes are those of ``ggml.h``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Type(IntEnum):
    """``enum ggml_type``, as far as we write it."""

    F32 = 0
    F16 = 1
    Q4_0 = 2
    Q5_0 = 6
    Q5_1 = 7
    Q8_0 = 8
    Q2_K = 10
    Q3_K = 11
    Q4_K = 12
    Q5_K = 13
    Q6_K = 14
    BF16 = 30


#: Type → (elements in a block, bytes of a block).
BLOCKS = {
    Type.F32: (1, 4), Type.F16: (1, 2), Type.BF16: (1, 2), Type.Q4_0: (32, 18), Type.Q5_0: (32, 22),
    Type.Q5_1: (32, 24), Type.Q8_0: (32, 34), Type.Q2_K: (256, 84), Type.Q3_K: (256, 110), Type.Q4_K: (256, 144),
    Type.Q5_K: (256, 176), Type.Q6_K: (256, 210),
}  # fmt: skip


@dataclass(frozen=True)
class Quant:
    """A quantisation by the name people use: the type of most tensors, and ``enum llama_ftype``'s number."""

    name: str
    type: Type
    file_type: int


QUANTS = {
    quant.name: quant
    for quant in (
        Quant("f32", Type.F32, 0),
        Quant("f16", Type.F16, 1),
        Quant("bf16", Type.BF16, 32),
        Quant("q8_0", Type.Q8_0, 7),
        Quant("q6_k", Type.Q6_K, 18),
        Quant("q5_k_m", Type.Q5_K, 17),
        Quant("q5_k_s", Type.Q5_K, 16),
        Quant("q4_k_m", Type.Q4_K, 15),
        Quant("q4_k_s", Type.Q4_K, 14),
        Quant("q4_0", Type.Q4_0, 2),
        Quant("q3_k_l", Type.Q3_K, 13),
        Quant("q3_k_m", Type.Q3_K, 12),
        Quant("q3_k_s", Type.Q3_K, 11),
        Quant("q2_k", Type.Q2_K, 10),
    )
}
#: Written with the types that llama.cpp's converter itself chooses; the others go through the rules below.
PLAIN = ("f32", "f16", "bf16", "q8_0")

# What is narrower than a block of the wanted type gets one with shorter blocks instead.
_NARROW = {
    Type.Q2_K: Type.Q4_0,
    Type.Q3_K: Type.Q4_0,
    Type.Q4_K: Type.Q5_0,
    Type.Q5_K: Type.Q5_1,
    Type.Q6_K: Type.Q8_0,
}
_NEVER = re.compile(
    r"_norm\.weight|ffn_gate_tid2eid\.weight|indexer\.[kq]_proj\.weight|ffn_gate_inp\.weight|altup|laurel|per_layer_model_proj|position_embd\.weight|token_types\.weight"
    r"|ssm_conv1d|shortconv\.conv\.weight|time_mix_(first|w0|w1|w2|v0|v1|v2|a0|a1|a2|g1|g2|decay_w1|decay_w2"
    r"|lerp_fused)\.weight|attn_rel_b\.weight"
)


@dataclass(frozen=True)
class Model:
    """What the rules ask of a model beside its tensors."""

    blocks: int
    experts: int = 0
    heads: int = 0
    key_value_heads: int = 0
    architecture: str = ""

    @property
    def shared(self) -> int:
        """How many heads share one key and value head (``n_gqa``)."""
        return self.heads // self.key_value_heads if self.key_value_heads else 0


@dataclass
class Choice:
    """The type of every tensor, and how many did not get the type that the rules wanted, for want of width."""

    types: dict[str, Type] = field(default_factory=dict)
    narrow: int = 0


def size(kind: Type, shape: Sequence[int]) -> int:
    """Bytes of a tensor of ``shape`` (last axis contiguous) stored as ``kind``."""
    elements, width = BLOCKS[kind]
    count = 1
    for length in shape:
        count *= length
    return count // elements * width


def estimate(quant: Quant, shapes: Iterable[Sequence[int]]) -> int:
    """About how many bytes the tensors of a model take as ``quant``, before anything is known but their shapes."""
    matrices = [shape for shape in shapes if len(shape) >= 2]
    return sum(size(fitting(quant.type, shape[-1]), shape) for shape in matrices)


def choose(quant: Quant, tensors: Sequence[tuple[str, Sequence[int], Type]], model: Model) -> Choice:
    """Types for a quantisation outside :data:`PLAIN`.

    tensors: ``(GGUF name, shape, type it has unquantised)`` in llama.cpp's order, that of layers and then of names.
    """
    rules = _Rules(quant, model, [name for name, _shape, _type in tensors])
    choice = Choice()
    for name, shape, unquantised in tensors:
        kind = unquantised
        if len(shape) >= 2 and name.endswith("weight") and not _NEVER.search(name):
            wanted = rules.wanted(name, shape[-1])
            kind = fitting(wanted, shape[-1])
            choice.narrow += kind is not wanted
        choice.types[name] = kind
    return choice


def fitting(wanted: Type, width: int) -> Type:
    """``wanted``, or what llama.cpp takes instead for rows that are no whole number of its blocks."""
    if width % BLOCKS[wanted][0] == 0:
        return wanted
    narrower = _NARROW.get(wanted, wanted)
    return narrower if width % BLOCKS[narrower][0] == 0 else Type.F16


class _Rules:
    """The rules count attention and feed-forward tensors as they pass, so an object is good for one file."""

    def __init__(self, quant: Quant, model: Model, names: Sequence[str]) -> None:
        self.name, self.type, self.model = quant.name, quant.type, model
        self.falcon = model.architecture == "falcon"
        self.tied = "output.weight" not in names
        self.attention = sum(_is_value(name) for name in names)
        self.values_seen = self.downs_seen = 0

    def wanted(self, name: str, width: int) -> Type:
        if name == "output.weight" or (
            self.tied and name in ("token_embd.weight", "per_layer_token_embd.weight")
        ):
            return self._output(width)
        if _is_value(name):
            return self._value()
        if "attn_k.weight" in name and self.model.experts == 8:
            return Type.Q8_0
        if "attn_output.weight" in name:
            return self._attention_output()
        if "ffn_down" in name:
            return self._down(name)
        return self.type

    def _output(self, width: int) -> Type:
        if self.falcon or width % BLOCKS[self.type][0]:
            return Type.Q8_0
        return Type.Q6_K

    def _value(self) -> Type:
        index = self.values_seen
        self.values_seen += 1
        kind = self.type
        match self.name:
            case "q2_k":
                kind = Type.Q4_K if self.model.shared >= 4 else Type.Q3_K
            case "q3_k_l":
                kind = Type.Q5_K
            case "q3_k_m":
                kind = Type.Q5_K if index < 2 else Type.Q4_K
            case "q4_k_m" | "q5_k_m" if _more_bits(index, self.attention):
                kind = Type.Q6_K
            case "q4_k_s" if index < 4:
                kind = Type.Q5_K
        seventy_billion = self.model.blocks == 80 and self.model.heads != self.model.key_value_heads
        if seventy_billion and kind in (Type.Q3_K, Type.Q4_K):
            kind = Type.Q5_K
        return Type.Q8_0 if self.model.experts == 8 else kind

    def _attention_output(self) -> Type:
        if self.falcon:
            return Type.Q4_K if self.name == "q3_k_l" else self.type
        if self.model.experts == 8:
            few_bits = self.name in ("q2_k", "q3_k_s", "q3_k_m", "q4_k_s", "q4_k_m")
            return Type.Q5_K if few_bits else self.type
        return {"q2_k": Type.Q3_K, "q3_k_m": Type.Q4_K, "q3_k_l": Type.Q5_K}.get(self.name, self.type)

    def _down(self, name: str) -> Type:
        index, count = self.downs_seen, self.model.blocks
        self.downs_seen += 1
        if self.model.experts > 1 and (match := re.match(r"blk\.(\d+)\.", name)):
            index = int(match[1])
        more = _more_bits(index, count)
        match self.name:
            case "q2_k":
                return Type.Q3_K
            case "q3_k_l":
                return Type.Q4_K if self.falcon else Type.Q5_K
            case "q3_k_m" if index < count // 16:
                return Type.Q5_K
            case "q3_k_m" if more or not self.falcon:
                return Type.Q4_K
            case "q4_k_m" if self.falcon:
                return Type.Q6_K if index < count // 16 else Type.Q5_K if more else Type.Q4_K
            case "q4_k_m" | "q5_k_m" if more:
                return Type.Q6_K
            case "q4_k_s" if index < count // 8 and not self.falcon:
                return Type.Q5_K
        return self.type


def _is_value(name: str) -> bool:
    return any(part in name for part in ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight"))


def _more_bits(index: int, count: int) -> bool:
    """``use_more_bits``: the first and last eighth of the layers, and every third between."""
    return index < count // 8 or index >= 7 * count // 8 or (index - count // 8) % 3 == 2
