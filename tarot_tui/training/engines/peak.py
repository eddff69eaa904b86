"""The most memory that this process has held, to learn from."""

from __future__ import annotations

from pathlib import Path

import torch

#: A CUDA context with its libraries, which torch's allocator does not count, in bytes.
_CONTEXT = 500_000_000


def peak_bytes(*, cpu: bool) -> int:
    """Of main memory, or of the GPU in use; 0 when it cannot be told.

    Source: ``VmHWM`` of proc(5), which unlike getrusage begins anew with the program; torch's ``max_memory_reserved``,
    which holds what its allocator has taken from the driver, fragments and all.
    """
    if not cpu:
        return torch.cuda.max_memory_reserved() + _CONTEXT
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024
