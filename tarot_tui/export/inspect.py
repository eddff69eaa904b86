"""What is in a GGUF file, and what is wrong with it. (The format: ggml/docs/gguf.md, ggml/src/ggml-quants.h for sizes.)

The file may come from anywhere: every length is checked against the file before it is believed, arrays are walked and
not kept, and nothing of the weights is read.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Tensor type → name, values in a block, bytes of a block.
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_FIXED = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
#: Bounds that no real file reaches: more is damage, or somebody's trap.
_MOST_KEYS, _MOST_TENSORS, _MOST_TEXT, _MOST_DIMENSIONS, _MOST_DEPTH = 100_000, 1_000_000, 16 << 20, 8, 4


@dataclass(frozen=True)
class Tensor:
    """shape: innermost dimension first, as in the file. kind: of :data:`TYPES`, or ``?17``. offset, size: bytes."""

    name: str
    shape: tuple[int, ...]
    kind: str
    offset: int
    size: int | None

    @property
    def values(self) -> int:
        """How many weights."""
        return math.prod(self.shape)


@dataclass
class Contents:
    """metadata: arrays stand as ``[n]``. data: where the tensors begin. findings: what is wrong with the file."""

    path: Path
    bytes: int
    version: int
    metadata: dict[str, Any]
    tensors: list[Tensor]
    data: int
    findings: list[Finding] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many weights in all."""
        return sum(tensor.values for tensor in self.tensors)

    def types(self) -> list[tuple[str, int, int]]:
        """(type, tensors, bytes), the largest first."""
        count: Counter[str] = Counter(tensor.kind for tensor in self.tensors)
        bytes_: Counter[str] = Counter()
        for tensor in self.tensors:
            bytes_[tensor.kind] += tensor.size or 0
        return sorted(((kind, count[kind], bytes_[kind]) for kind in count), key=lambda one: -one[2])

    def value(self, name: str, default: Any = None) -> Any:
        """A key of the model's architecture, such as ``context_length``."""
        return self.metadata.get(f"{self.metadata.get('general.architecture')}.{name}", default)


def inspect(path: Path) -> Contents:
    """Read everything but the weights. Raises BadInput for a file that is missing, is no GGUF, or ends in its head."""
    try:
        with open(path, "rb") as file:
            found = _Reader(file, path.stat().st_size).contents(path)
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None
    except (ValueError, struct.error, UnicodeDecodeError, OverflowError):
        raise BadInput(_("{file} is not a GGUF file, or is damaged.").format(file=path)) from None
    found.findings = lints(found)
    return found


def lints(found: Contents) -> list[Finding]:
    """What would go wrong with this file, worst first."""
    return [
        *_lay_out(found),
        *_tokenizer(found.metadata),
        *_template(found.metadata),
        *_mix(found),
    ]


def _lay_out(found: Contents) -> list[Finding]:
    lints = []
    unknown = [tensor for tensor in found.tensors if tensor.size is None]
    if unknown:
        lints.append(
            Finding(
                "gguf.type",
                "error",
                _(
                    "{count} tensors are of types that we do not know ({kind}): the file is newer than this program."
                ).format(count=len(unknown), kind=unknown[0].kind),
                one_line(unknown[0].name, 80),
            )
        )
    end = max((found.data + one.offset + (one.size or 0) for one in found.tensors), default=found.data)
    if end > found.bytes:
        lints.append(
            Finding(
                "gguf.truncated",
                "error",
                _("The file ends too early: its tensors need {wanted} bytes, and it has {bytes}.").format(
                    wanted=end, bytes=found.bytes
                ),
                fix=_("copy or export it again"),
            )
        )
    alignment = found.metadata.get("general.alignment", 32)
    if (
        not isinstance(alignment, int)
        or alignment <= 0
        or any(one.offset % alignment for one in found.tensors)
    ):
        lints.append(
            Finding("gguf.alignment", "error", _("Its tensors do not lie where the file says they must."))
        )
    if not found.tensors:
        lints.append(
            Finding("gguf.empty", "error", _("It holds no tensors: it is a vocabulary alone, or damaged."))
        )
    return lints


def _tokenizer(metadata: dict[str, Any]) -> list[Finding]:
    lints = []
    if "tokenizer.ggml.model" not in metadata:
        lints.append(Finding("gguf.no_tokenizer", "error", _("It holds no tokenizer: it cannot read text.")))
    elif metadata.get("tokenizer.ggml.eos_token_id") is None:
        lints.append(
            Finding(
                "gguf.no_eos", "warning", _("It does not say which token ends an answer: it may not stop.")
            )
        )
    if metadata.get("tokenizer.ggml.model") == "gpt2" and not metadata.get("tokenizer.ggml.pre"):
        lints.append(
            Finding(
                "gguf.no_pre",
                "warning",
                _(
                    "It does not say how text is cut up before it is tokenised: it reads other tokens than it learned."
                ),
                fix=_("export it again with a newer converter"),
            )
        )
    return lints


def _template(metadata: dict[str, Any]) -> list[Finding]:
    template = metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) or not template:
        return [
            Finding(
                "gguf.no_template",
                "warning",
                _(
                    "It holds no chat template: programs then guess one, mostly ChatML, and the model babbles."
                ),
                fix=_("export it again from its run"),
            )
        ]
    if metadata.get("tokenizer.ggml.add_bos_token") and "bos_token" in template:
        return [
            Finding(
                "gguf.two_bos",
                "info",
                _(
                    "Its template prints the first token (BOS), and the runtime adds one: Ollama's template must not."
                ),
            )
        ]
    return []


def _mix(found: Contents) -> list[Finding]:
    kinds = {kind for kind, _count, _bytes in found.types()}
    small = found.parameters < 1_000_000_000
    if small and kinds & {"Q2_K", "Q3_K"}:
        return [
            Finding(
                "gguf.coarse",
                "warning",
                _("This model is small, and two or three bits a weight cost it much: q8_0 suits it."),
                fix="--quant q8_0",
            )
        ]
    return []


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def contents(self, path: Path) -> Contents:
        if self.file.read(4) != b"GGUF":
            raise ValueError
        version = self.number("<I")
        if version not in (2, 3):
            raise ValueError
        tensors, keys = self.number("<Q"), self.number("<Q")
        if tensors > _MOST_TENSORS or keys > _MOST_KEYS:
            raise ValueError
        metadata = {}
        for _index in range(keys):
            key = self.string()
            metadata[key] = self.value(self.number("<I"))
        found = [self.tensor() for _index in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        alignment = alignment if isinstance(alignment, int) and 0 < alignment <= 1 << 20 else 32
        data = -(-self.file.tell() // alignment) * alignment
        return Contents(path, self.size, version, metadata, found, data)

    def tensor(self) -> Tensor:
        name = self.string()
        dimensions = self.number("<I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError
        shape = tuple(self.number("<Q") for _index in range(dimensions))
        kind, offset = self.number("<I"), self.number("<Q")
        if math.prod(shape) > 1 << 50:
            raise ValueError
        known = TYPES.get(kind)
        size = -(-math.prod(shape) // known[1]) * known[2] if known else None
        return Tensor(name, shape, known[0] if known else f"?{kind}", offset, size)

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.number(self.fixed(kind))
        if depth >= _MOST_DEPTH:
            raise ValueError
        of, count = self.number("<I"), self.number("<Q")
        if of in _FIXED:
            self.forward(count * struct.calcsize(_FIXED[of]))
        else:
            # Each element takes at least the eight bytes of its length.
            if count * 8 > self.size:
                raise ValueError
            for _index in range(count):
                self.forward(self.number("<Q")) if of == _STRING else self.value(of, depth + 1)
        return f"[{count}]"

    def fixed(self, kind: int) -> str:
        if kind not in _FIXED:
            raise ValueError
        return _FIXED[kind]

    def string(self) -> str:
        length = self.number("<Q")
        if length > min(self.size, _MOST_TEXT):
            raise ValueError
        return self.take(length).decode("utf-8")

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) != count:
            raise ValueError
        return data

    def forward(self, count: int) -> None:
        if count < 0 or self.file.tell() + count > self.size:
            raise ValueError
        self.file.seek(count, 1)
