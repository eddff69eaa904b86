"""The low-rank products of an adapter, in every layout in which peft stores their two factors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

import numpy as np

from tarot_tui.export.safetensors_file import SafetensorsFile


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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
        """Read the factors and be ready to add rows of the product."""
        a, b = self.a.read(), self.b.read()
        if self.layout is Layout.LINEAR and not self.part:
            return Product(lambda _expert: (b, a), len(b), self.scale)
        if self.layout in (Layout.TRANSPOSED, Layout.EMBEDDING):
            right = np.ascontiguousarray(b.T)
            return Product(lambda _expert: (a.T, right), a.shape[1], self.scale)
        a = a.reshape(self.experts, -1, a.shape[1])
        b = b.reshape(len(b), -1, self.experts)
        if self.part:
            expert, first, rows = self.part
            left = np.ascontiguousarray(b[first : first + rows, :, expert])
            right = a[expert].copy()  # so that the other experts' rows are let go
            return Product(lambda _expert: (left, right), rows, self.scale)
        if self.layout is Layout.STACK:
            return Product(lambda e: (np.ascontiguousarray(b[:, :, e]), a[e]), len(b), self.scale)
        return Product(lambda e: (a[e].T, np.ascontiguousarray(b[:, :, e].T)), a.shape[2], self.scale)


class Product:
    """``scale`` · left @ right, by rows; a stack has another pair of factors for every ``rows`` rows."""

    def __init__(
        self, factors: Callable[[int], tuple[np.ndarray, np.ndarray]], rows: int, scale: float
    ) -> None:
        self._factors = lru_cache(maxsize=1)(factors)
        self._rows = rows
        self._scale = np.float32(scale)

    def add_to(self, values: np.ndarray, first: int) -> None:
        """Add its rows from ``first`` on to ``values`` (rows, columns), in place."""
        done = 0
        while done < len(values):
            index, row = divmod(first + done, self._rows)
            count = min(len(values) - done, self._rows - row)
            left, right = self._factors(index)
            delta = left[row : row + count] @ right
            delta *= self._scale
            values[done : done + count] += delta
            done += count
