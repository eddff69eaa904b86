"""The low-rank products of an adapter, in every layout in which peft stores their two factors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from tarot_tui.export.safetensors_file import ITEM_SIZE, SafetensorsFile, decode


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of an open adapter file."""

    file: SafetensorsFile
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the file."""
        return self.file.tensors[self.name].shape

    @property
    def dtype(self) -> str:
        """Its safetensors type."""
        return self.file.tensors[self.name].dtype

    def read(self) -> np.ndarray:
        """All of it, in float32."""
        return self.file.read(self.name)

    def same(self, other: Stored) -> bool:
        """Whether ``other`` holds the same numbers; memory does not grow with them."""
        return self.file.same(self.name, other.file, other.name)

    def block(self, rows: range, columns: range) -> np.ndarray:
        """Some ``rows`` (of step 1) and ``columns`` of a matrix, in float32; reads little more than what is wanted."""
        tensor, width = self.file.tensors[self.name], ITEM_SIZE[self.dtype]
        stride = self.shape[1]
        narrow = 8 * len(columns) < stride and columns.step == 1
        first, length = (columns.start, len(columns)) if narrow else (0, stride)
        step = 1 if narrow else max(1, _PIECE // (stride * width))
        found = np.empty((len(rows), len(columns)), np.float32)
        for row in range(rows.start, rows.stop, step):
            count = min(step, rows.stop - row)
            raw = self.file.bytes_at(tensor.start + (row * stride + first) * width, count * length * width)
            values = decode(raw, self.dtype).reshape(count, length)
            there = slice(None) if narrow else slice(columns.start, columns.stop, columns.step)
            found[row - rows.start :][:count] = values[:, there]
        return found


class Layout(Enum):
    """How the factors A and B of rank r make the change of a weight; shapes as stored.

    LINEAR: B (out, r) @ A (r, in), for a weight (out, in).
    TRANSPOSED: Aᵀ @ Bᵀ of the same, for a weight (in, out) such as GPT-2's Conv1D.
    EMBEDDING: ``lora_embedding_A`` (r, vocabulary)ᵀ @ ``lora_embedding_B`` (width, r)ᵀ.
    STACK, STACK_TRANSPOSED: a weight (experts, out, in) or (experts, in, out). A (experts·r, in) holds the experts'
    rows one after the other, B (out, r·experts) the experts' columns interleaved (peft's ``ParamWrapper``).
    """

    LINEAR = auto()
    TRANSPOSED = auto()
    EMBEDDING = auto()
    STACK = auto()
    STACK_TRANSPOSED = auto()


_TURNED = (Layout.TRANSPOSED, Layout.EMBEDDING, Layout.STACK_TRANSPOSED)
#: Bytes read at a time of a factor of which only some columns are wanted.
_PIECE = 1 << 19
#: Elements of a product that are made at a time: they are added while the processor's nearest caches hold them.
_NEAR = 1 << 15
#: Elements of a left factor that are held, rather than read as its rows are wanted.
_HELD = 1 << 18
#: Rows below which OpenBLAS multiplies by vectors, which adds in another order than it and torch do for matrices.
_SAME_ORDER = 2


@dataclass(frozen=True, slots=True)
class LowRank:
    """``scale`` times the product of two factors is added to a weight.

    experts: how many a stack holds. part: of a stack, ``(expert, first output row, output rows)`` when the weight is
    that piece alone, as in checkpoints with a tensor for every expert.
    """

    a: Stored
    b: Stored
    scale: float
    layout: Layout = Layout.LINEAR
    experts: int = 1
    part: tuple[int, int, int] | None = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of the weight that this fits; None when the two factors do not even fit each other."""
        if len(self.a.shape) != 2 or len(self.b.shape) != 2 or self.a.shape[0] != self.b.shape[1]:
            return None
        inputs, outputs = self.a.shape[1], self.b.shape[0]
        if self.part:
            return (self.part[2], inputs)
        if self.layout is Layout.LINEAR:
            return (outputs, inputs)
        if self.layout in (Layout.TRANSPOSED, Layout.EMBEDDING):
            return (inputs, outputs)
        one = (outputs, inputs) if self.layout is Layout.STACK else (inputs, outputs)
        return (self.experts, *one)

    def load(self) -> Product:
        """Be ready to add rows of the product."""
        return Product(self)


class Product:
    """``scale`` · left @ right, by rows; a stack has another pair of factors for every expert's rows.

    Of a large left factor only the rows at hand are read: it has as many as the vocabulary where an output layer was
    trained, and must not count for the memory of a merge.
    """

    def __init__(self, pair: LowRank) -> None:
        self._pair = pair
        self._turned = pair.layout in _TURNED
        self._rows = pair.a.shape[1] if self._turned else pair.b.shape[0]
        self._scale = np.float32(pair.scale)
        # A power of two scales a factor as exactly as it would scale the product.
        self._early = pair.scale >= 1 and math.frexp(pair.scale)[0] == 0.5
        self._expert = -1  # whose right factor is held
        small = pair.layout is Layout.LINEAR and not pair.part and math.prod(pair.b.shape) <= _HELD
        self._held = pair.b.read() if small else None

    def add_to(self, values: np.ndarray, first: int) -> None:
        """Add its rows from ``first`` on to ``values`` (rows, columns), in place."""
        done = 0
        while done < len(values):
            if part := self._pair.part:
                expert, row, count = part[0], part[1] + first, len(values)
            else:
                expert, row = divmod(first + done, self._rows)
                count = min(len(values) - done, self._rows - row)
            if expert != self._expert:
                self._right, self._expert = self._read_right(expert), expert
                if self._early:
                    self._right *= self._scale
            self._add(self._left(expert, range(row, row + count)), values[done : done + count])
            done += count

    def _add(self, left: np.ndarray, values: np.ndarray) -> None:
        step = max(_SAME_ORDER, _NEAR // max(1, values.shape[1]))
        for row in range(0, len(values), step):
            # A product of fewer rows would be summed in another order.
            short = max(0, _SAME_ORDER - (len(values) - row))
            some = left[row : row + step]
            delta = (np.pad(some, ((0, short), (0, 0))) if short else some) @ self._right
            if not self._early:
                delta *= self._scale
            part = values[row : row + step]
            part += delta[: len(part)]

    def _left(self, expert: int, rows: range) -> np.ndarray:
        if self._held is not None:
            return self._held[rows.start : rows.stop]
        if self._turned:
            return self._pair.a.block(self._rows_of_a(expert), rows).T
        return self._pair.b.block(rows, self._columns_of_b(expert))

    def _read_right(self, expert: int) -> np.ndarray:
        a, b = self._pair.a, self._pair.b
        if self._turned:
            return np.ascontiguousarray(b.block(range(b.shape[0]), self._columns_of_b(expert)).T)
        return a.block(self._rows_of_a(expert), range(a.shape[1]))

    def _rows_of_a(self, expert: int) -> range:
        rank = self._pair.a.shape[0] // self._pair.experts
        return range(expert * rank, (expert + 1) * rank)

    def _columns_of_b(self, expert: int) -> range:
        return range(expert, self._pair.b.shape[1], self._pair.experts)
