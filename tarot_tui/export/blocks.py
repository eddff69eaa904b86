"""Rows of float32 as quantised blocks, made by ggml's own code, of which two builds may be here.

libgguf is there for this and runs everywhere. xllamacpp is there for the chat; its build is for newer processors and
takes half the time (measured: 22 to 12 million weights a second and core as q4_k, 42 to 19 as q6_k). Both make the
same bytes, which is tried with a few rows before the faster one is trusted with a type.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tarot_tui.errors import TarotError
from tarot_tui.export.kquants import BLOCKS, Type
from tarot_tui.locale import _

_TRIED = (4, 512)  # rows, columns


def check() -> None:
    """Raise TarotError when there is nothing to quantise with."""
    if find_spec("libgguf") is None:
        raise TarotError(_("Quantising needs libgguf: install it with 'pip install tarot-tui[export]'."))


def quantise(rows: np.ndarray, kind: Type) -> np.ndarray:
    """Rows of finite float32 (n, width) as bytes (n, bytes of a row); the width is a whole number of blocks.

    Threads may do this side by side.
    """
    if _agree(kind):
        return _with_ggml(rows, kind)
    import libgguf

    return libgguf.quantize_rows(rows, int(kind))


@cache
def _agree(kind: Type) -> bool:
    if _ggml() is None:
        return False
    import libgguf

    rows = np.random.default_rng(0).standard_normal(_TRIED).astype(np.float32)
    return np.array_equal(_with_ggml(rows, kind), libgguf.quantize_rows(rows, int(kind)))


@cache
def _ggml() -> ctypes.CDLL | None:
    """xllamacpp's library with ``ggml_quantize_chunk`` of ``ggml.h`` declared; found without importing the package."""
    spec = find_spec("xllamacpp")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.so")):
            try:
                library = ctypes.CDLL(str(path))
                library.ggml_quantize_chunk.restype = ctypes.c_size_t
            except (OSError, AttributeError):
                continue
            number, pointer = ctypes.c_int64, ctypes.c_void_p
            library.ggml_quantize_chunk.argtypes = [
                ctypes.c_int, pointer, pointer, number, number, number, pointer,
            ]  # fmt: skip
            return library
    return None


def _with_ggml(rows: np.ndarray, kind: Type) -> np.ndarray:
    rows = np.ascontiguousarray(rows, np.float32)
    count, width = rows.shape
    elements, size = BLOCKS[kind]
    blocks = np.empty((count, width // elements * size), np.uint8)
    library = _ggml()
    assert library is not None
    library.ggml_quantize_chunk(int(kind), rows.ctypes.data, blocks.ctypes.data, 0, count, width, None)
    return blocks
