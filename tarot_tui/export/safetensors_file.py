"""The safetensors format, as much of it as a streaming reader needs: no torch, no mmap, bounded memory.

Format: 8 bytes little-endian header length, a JSON header ``name → {dtype, shape, data_offsets}``, then the data
(https://github.com/huggingface/safetensors#format). A file that does not say exactly what it holds is refused.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Bytes of one element, for every dtype a checkpoint may carry.
ITEM_SIZE = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
#: The dtypes that a merge can compute with.
FLOATS = ("F32", "F16", "BF16")
_LONGEST_HEADER = 100_000_000  # the reference implementation's limit
_COMPARED = 1 << 20  # bytes of float32 at a time
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where one tensor lies: ``start`` is its absolute byte in the file, ``size`` its bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


_Entry = tuple[str, tuple[int, ...], list[int]]


def _compact(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Entry:
    """A tensor's entry as a small tuple: a mixture of experts has tens of thousands of them."""
    found = dict(pairs)
    if "data_offsets" not in found:
        return found
    return sys.intern(found["dtype"]), tuple(found["shape"]), found["data_offsets"]


class SafetensorsFile:
    """One open file. ``tensors`` maps names to their places, in the order of the data."""

    def __init__(self, path: Path) -> None:
        """Open and check ``path``. Raises BadInput when it cannot be read, Refused when it is damaged."""
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise BadInput(_("{file} does not exist.").format(file=path)) from None
        except OSError as error:
            raise BadInput(
                _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
            ) from None
        try:
            self.metadata, self.tensors = self._header()
        except BaseException:
            self.close()
            raise

    def _header(self) -> tuple[dict[str, str], dict[str, Tensor]]:
        size = os.fstat(self.descriptor).st_size
        (length,) = struct.unpack("<Q", self.bytes_at(0, 8)) if size >= 8 else (size,)
        if 8 + length > size or length > _LONGEST_HEADER:
            raise self._damaged(_("its header is cut off"))
        try:
            header = json.loads(self.bytes_at(8, length), object_pairs_hook=_compact)
            metadata = header.pop("__metadata__", None) or {}
            tensors = [self._tensor(name, entry, 8 + length) for name, entry in header.items()]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._damaged(_("its header is not readable")) from None
        tensors.sort(key=lambda tensor: (tensor.start, tensor.size))
        end = 8 + length
        for tensor in tensors:
            if tensor.start != end:
                raise self._damaged(
                    _("'{tensor}' is not where it should be").format(tensor=one_line(tensor.name))
                )
            end += tensor.size
        if end != size:
            raise self._damaged(
                _("it has {size} bytes and should have {expected}").format(size=size, expected=end)
            )
        return metadata, {tensor.name: tensor for tensor in tensors}

    @staticmethod
    def _tensor(name: str, entry: _Entry, base: int) -> Tensor:
        dtype, shape, (first, last) = entry
        if any(type(n) is not int or n < 0 for n in (*shape, first, last)):
            raise ValueError(name)
        if last - first != math.prod(shape) * ITEM_SIZE[dtype]:
            raise ValueError(name)
        return Tensor(name, dtype, shape, base + first, last - first)

    def _damaged(self, why: str) -> Refused:
        return Refused(
            _("{file} is incomplete or damaged: {why}; fetch it again.").format(file=self.path, why=why)
        )

    def bytes_at(self, start: int, size: int) -> bytes:
        """Exactly ``size`` bytes from byte ``start``. Raises Refused when the file ends before."""
        data = os.pread(self.descriptor, size, start)
        while len(data) < size:
            more = os.pread(self.descriptor, size - len(data), start + len(data))
            if not more:
                raise self._damaged(_("it ends too early"))
            data += more
        return data

    def read(self, name: str) -> np.ndarray:
        """The whole tensor in float32."""
        tensor = self.tensors[name]
        return decode(self.bytes_at(tensor.start, tensor.size), tensor.dtype).reshape(tensor.shape)

    def same(self, name: str, other: SafetensorsFile, other_name: str) -> bool:
        """Whether the tensor ``name`` holds the numbers of ``other_name`` in ``other``, compared a piece at a time."""
        one, two = self.tensors[name], other.tensors[other_name]
        if one.shape != two.shape:
            return False
        step = _COMPARED // 4
        for first in range(0, math.prod(one.shape), step):
            count = min(step, math.prod(one.shape) - first)
            if not np.array_equal(self._elements(one, first, count), other._elements(two, first, count)):
                return False
        return True

    def _elements(self, tensor: Tensor, first: int, count: int) -> np.ndarray:
        width = ITEM_SIZE[tensor.dtype]
        return decode(self.bytes_at(tensor.start + first * width, count * width), tensor.dtype)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)

    def __enter__(self) -> SafetensorsFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Checkpoint:
    """All shards of a Hugging Face model folder, opened and checked."""

    def __init__(self, folder: Path) -> None:
        """Raises BadInput when a file is missing, Refused when one is damaged or holds no safetensors."""
        self.folder = folder
        weight_map = self._weight_map()
        self.files: dict[str, SafetensorsFile] = {}
        self.where: dict[str, SafetensorsFile] = {}
        try:
            for name in sorted(set(weight_map.values())) if weight_map else ["model.safetensors"]:
                self.files[name] = file = SafetensorsFile(folder / name)
                self.where.update(dict.fromkeys(file.tensors, file))
        except BaseException:
            self.close()
            raise
        if missing := sorted(set(weight_map) - set(self.where)):
            self.close()
            raise Refused(
                _(
                    "{folder}: the index names '{tensor}', which no shard holds; fetch the model again."
                ).format(folder=folder, tensor=one_line(missing[0]))
            )

    def _weight_map(self) -> dict[str, str]:
        index = self.folder / INDEX
        if index.is_file():
            try:
                found = json.loads(index.read_text("utf-8"))["weight_map"]
                if all(Path(name).name == name for name in found.values()):
                    return found
            except (ValueError, KeyError, TypeError, AttributeError):
                pass
            raise Refused(_("{file} is not an index of shards; fetch it again.").format(file=index))
        if not (self.folder / "model.safetensors").is_file():
            raise BadInput(
                _("{folder} holds no model.safetensors; export reads safetensors models only.").format(
                    folder=self.folder
                )
            )
        return {}

    def __getitem__(self, name: str) -> Tensor:
        return self.where[name].tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.where

    def __iter__(self) -> Iterator[str]:
        return iter(self.where)

    @property
    def size(self) -> int:
        """Bytes of all tensors together."""
        return sum(self[name].size for name in self.where)

    def close(self) -> None:
        """Close every shard."""
        for file in self.files.values():
            file.close()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def decode(raw: bytes | bytearray | memoryview, dtype: str) -> np.ndarray:
    """Raw little-endian elements (F32, F16, BF16) as a flat float32 array of its own. Raises Refused otherwise."""
    if dtype == "BF16":
        return np.left_shift(np.frombuffer(raw, np.uint16), 16, dtype=np.uint32).view(np.float32)
    if dtype == "F16":
        return np.frombuffer(raw, np.float16).astype(np.float32)
    if dtype == "F32":
        return np.frombuffer(raw, np.float32).copy()
    raise Refused(_("Weights of type {dtype} cannot be merged.").format(dtype=one_line(dtype, 20)))


def encode(values: np.ndarray, dtype: str) -> np.ndarray:
    """Finite float32 values as F32, F16 or BF16 elements, rounded to nearest, ties to even, as torch does."""
    values = np.ascontiguousarray(values)
    if dtype == "F32":
        return values
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16)
    bits = values.view(np.uint32)
    rounding = bits >> 16
    rounding &= 1
    rounding += 0x7FFF
    rounding += bits
    rounding >>= 16
    return rounding.astype(np.uint16)
