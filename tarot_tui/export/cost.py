"""What an export will take here: disk, memory and time, estimated before anything is written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import TarotError
from tarot_tui.export import blocks
from tarot_tui.export.kquants import BLOCKS, QUANTS, Type
from tarot_tui.export.lazy_source import BATCH

# Bytes that a process holds once it has imported what it needs: measured with torch 2.13 and transformers 5.23.
_CONVERTER, _MERGE = 420_000_000, 40_000_000
#: Seconds until the first tensor: imports, and the vocabulary read twice.
_START = 10
#: Seconds for a billion weights on one core to be read, merged, hashed and written; of this order on any machine.
_PASS = 4
# Weights a second and core, for types whose making searches a grid.
_SEARCHING = 1.5e6


@dataclass(frozen=True)
class Cost:
    """disk: bytes to write; free: that there are. memory: bytes at the peak. seconds: with ``threads`` threads."""

    disk: int
    free: int
    memory: int
    seconds: float
    threads: int

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def cost(sizes: dict[str, int], shapes: Sequence[tuple[int, ...]], threads: int, folder: Path) -> Cost:
    """What it takes to write files of ``sizes`` (by quantisation, or ``merged``) for tensors of ``shapes``."""
    weights = sum(int(np.prod(shape)) for shape in shapes)
    quants = [QUANTS[name].type if name in QUANTS else None for name in sizes if name != "merged"]
    passes = bool(quants) + ("merged" in sizes)
    seconds = passes * _PASS * weights / 1e9 + (_START if quants else 1)
    seconds += sum(weights / _speed(kind) for kind in quants) / threads
    # What the converter permutes is made whole: at most the attention's square matrices.
    widest = max(
        (shape[0] * shape[1] for shape in shapes if len(shape) == 2 and shape[0] <= 2 * shape[1]), default=0
    )
    memory = _CONVERTER + 3 * BATCH + 8 * widest if quants else _MERGE
    return Cost(sum(sizes.values()), shutil.disk_usage(folder).free, memory, seconds, threads)


@cache
def _speed(kind: Type | None) -> float:
    """Weights a second that one core of this machine makes into ``kind``, tried on a few; None: an IQ type."""
    if kind is None:
        return _SEARCHING
    if kind in (Type.F32, Type.F16, Type.BF16):
        return 1e9
    try:
        blocks.check()
    except TarotError:
        return 1e7
    rows = np.random.default_rng(0).standard_normal((64, 4 * BLOCKS[kind][0]), np.float32)
    blocks.quantise(rows, kind)
    begun = time.perf_counter()
    blocks.quantise(rows, kind)
    return rows.size / max(time.perf_counter() - begun, 1e-6)
