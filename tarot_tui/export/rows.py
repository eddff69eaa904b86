"""The rows of one tensor as they are after the adapter, a bounded chunk at a time.

Both the merge and the GGUF writer read through this, so both hold the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tarot_tui.errors import Refused
from tarot_tui.export.forms import Change
from tarot_tui.export.plan import Plan
from tarot_tui.export.products import Layout
from tarot_tui.export.safetensors_file import ITEM_SIZE, Checkpoint, decode, encode
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: float32 bytes of one chunk: what stays in the processor's cache is merged fastest.
CHUNK = 1 << 20


class MergedTensor:
    """One tensor of the result. ``shape`` and ``dtype`` are those it has in a merged checkpoint."""

    def __init__(self, name: str, base: Checkpoint, plan: Plan) -> None:
        source = base[plan.source(name)]
        self.name = name
        self.dtype = source.dtype
        self.source = source
        self.change = plan.changes.get(name) or Change()
        self._file, self._stored = base.where[source.name], source
        if replacement := self.change.replacement:
            self._file, self._stored = replacement.file, replacement.file.tensors[replacement.name]
        self.shape = self._stored.shape
        self.rows = math.prod(self.shape[:-1]) if len(self.shape) > 1 else 1
        self.columns = self.shape[-1] if self.shape else 1
        self.size = self.rows * self.columns * ITEM_SIZE[self.dtype]

    @property
    def untouched(self) -> bool:
        """Whether it is a copy of the base's tensor, byte for byte."""
        return self.change == Change()

    def chunks(self, limit: int = CHUNK) -> Iterator[tuple[int, np.ndarray]]:
        """Yield ``(first row, rows × columns float32)``, not yet rounded to ``dtype``; at most ``limit`` bytes each.

        Raises Refused when a value is not finite: a broken adapter must not become a broken model.
        """
        magnitude, lengths = self._magnitude(limit)
        vectors = [vector.read() * np.float32(scale) for vector, scale in self.change.vectors]
        for first, values in self._sums(limit):
            if magnitude is not None:
                values *= (
                    magnitude / lengths
                    if lengths is not None
                    else magnitude[first : first + len(values)] / np.sqrt(_squares(values, 1))[:, None]
                )
            for vector in vectors:
                values += vector
            if not _finite(values):
                raise self._not_finite()
            yield first, values

    def _not_finite(self) -> Refused:
        """Why a value came out that is none: an adapter's tensor is to blame where it holds one itself."""
        for stored in self.change.stored:
            if not np.isfinite(stored.read()).all():
                return Refused(
                    _(
                        "'{tensor}' in {file} holds a value that is not a number: the training broke, or the file is "
                        "damaged; nothing was exported."
                    ).format(tensor=one_line(stored.name), file=stored.file.path)
                )
        return Refused(
            _("'{tensor}' holds a value that is not a number after the merge; nothing was exported.").format(
                tensor=one_line(self.name)
            )
        )

    def _sums(self, limit: int) -> Iterator[tuple[int, np.ndarray]]:
        """The rows with those of trained tokens in place and the low-rank products added."""
        tokens = [(np.array(at), rows.read()) for at, rows in self.change.tokens]
        products = [product.load() for product in self.change.products]
        step = max(1, limit // (4 * max(1, self.columns)))
        width = self.columns * ITEM_SIZE[self._stored.dtype]
        for first in range(0, self.rows, step):
            count = min(step, self.rows - first)
            raw = self._file.bytes_at(self._stored.start + first * width, count * width)
            values = decode(raw, self._stored.dtype).reshape(count, self.columns)
            for at, rows in tokens:
                here = (first <= at) & (at < first + len(values))
                values[at[here] - first] = rows[here]
            for product in products:
                product.add_to(values, first)
            yield first, values

    def _magnitude(self, limit: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """DoRA's magnitudes: a column of them, or a row with the lengths that the columns of the sum have now.

        Liu et al. 2024, https://arxiv.org/abs/2402.09353, equation 5: W = m · (W₀ + ΔW) / ‖W₀ + ΔW‖. The lengths of
        columns are known only after a first pass over all rows.
        """
        if not self.change.magnitude:
            return None, None
        magnitude = self.change.magnitude.read().reshape(-1)
        if self.change.products[0].layout is Layout.LINEAR:
            return magnitude[:, None], None
        squares = np.zeros(self.columns, np.float32)
        for _first, values in self._sums(limit):
            squares += _squares(values, 0)
        return magnitude, np.sqrt(squares)

    def rounded(self, limit: int = CHUNK) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`chunks`, with each value as a merged checkpoint would hold it."""
        for first, values in self.chunks(limit):
            if not self.untouched and self.dtype != "F32":
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


def _finite(values: np.ndarray) -> bool:
    """Whether every value is a number. Their sum of squares, which is quicker had, tells so unless it overflows."""
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.dot(flat, flat)) or np.isfinite(values).all())


def _squares(values: np.ndarray, axis: int) -> np.ndarray:
    return np.square(values).sum(axis, dtype=np.float32)
