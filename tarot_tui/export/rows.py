"""The rows of one tensor as they are after the adapter, a bounded chunk at a time.

Both the merge and the GGUF writer read through this, so both hold the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tarot_tui.errors import Refused
from tarot_tui.export.adapter import Adapter, Change, LowRank, Plan
from tarot_tui.export.safetensors_file import ITEM_SIZE, Checkpoint, decode, encode
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: float32 bytes of one chunk: what stays in the processor's cache is merged fastest.
CHUNK = 1 << 20


class MergedTensor:
    """One tensor of the result. ``shape`` and ``dtype`` are those it has in a merged checkpoint."""

    def __init__(self, name: str, base: Checkpoint, adapter: Adapter | None, plan: Plan) -> None:
        source = base[plan.source(name)]
        self.name = name
        self.dtype = source.dtype
        self.source = source
        self.change = plan.changes.get(name)
        self._adapter = adapter
        self._file, self._stored = base.where[source.name], source
        if self.change and self.change.replacement and adapter:
            self._file, self._stored = adapter.file, adapter.file.tensors[self.change.replacement]
        self.shape = self._stored.shape
        self.rows = math.prod(self.shape[:-1]) if len(self.shape) > 1 else 1
        self.columns = self.shape[-1] if self.shape else 1
        self.size = self.rows * self.columns * ITEM_SIZE[self.dtype]

    @property
    def untouched(self) -> bool:
        """Whether it is a copy of the base's tensor, byte for byte."""
        return self.change is None or self.change == Change()

    def chunks(self, limit: int = CHUNK) -> Iterator[tuple[int, np.ndarray]]:
        """Yield ``(first row, rows × columns float32)``, not yet rounded to ``dtype``; at most ``limit`` bytes each.

        Raises Refused when a value is not finite: a broken adapter must not become a broken model.
        """
        factors = (
            [_factors(product, self._adapter) for product in self.change.products] if self.change else []
        )
        step = max(1, limit // (4 * max(1, self.columns)))
        width = self.columns * ITEM_SIZE[self._stored.dtype]
        for first in range(0, self.rows, step):
            count = min(step, self.rows - first)
            raw = self._file.bytes_at(self._stored.start + first * width, count * width)
            values = decode(raw, self._stored.dtype).reshape(count, self.columns)
            for left, right, scale in factors:
                delta = left[first : first + count] @ right
                delta *= scale
                values += delta
            if not np.isfinite(values).all():
                raise Refused(
                    _(
                        "'{tensor}' holds a value that is not a number after the merge; nothing was exported."
                    ).format(tensor=one_line(self.name))
                )
            yield first, values

    def rounded(self, limit: int = CHUNK) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`chunks`, with each value as a merged checkpoint would hold it."""
        for first, values in self.chunks(limit):
            if self.change and self.dtype != "F32":
                values = decode(memoryview(self.encoded(values)).cast("B"), self.dtype).reshape(values.shape)
            yield first, values

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """``values`` in ``dtype``. Raises Refused when one of them is too large for float16."""
        result = encode(values, self.dtype)
        if self.dtype == "F16" and not np.isfinite(result).all():
            raise Refused(
                _(
                    "'{tensor}' holds a value too large for float16 after the merge; nothing was exported."
                ).format(tensor=one_line(self.name))
            )
        return result


def _factors(product: LowRank, adapter: Adapter) -> tuple[np.ndarray, np.ndarray, np.float32]:
    a, b = adapter.file.read(product.a), adapter.file.read(product.b)
    left, right = (a.T, b.T) if product.embedding else (b, a)
    return left, np.ascontiguousarray(right), np.float32(product.scale)
