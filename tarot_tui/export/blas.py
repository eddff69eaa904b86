"""How a process that merges is started: with matrix kernels that add in the order of peft's merge, and a calm heap."""

from __future__ import annotations

from pathlib import Path

_HEAP = str(32 << 20)
_AVX512 = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}


def environment() -> dict[str, str]:
    """Variables for a process that merges, to be set before it imports numpy.

    torch sums a product of matrices in order, with fused multiply-add. So do the AVX-512 kernels of numpy's OpenBLAS,
    but on processors it does not know by name it takes older ones, which round a few sums the other way (measured:
    3 of 4.7 million bf16 weights differ by one unit in the last place). One thread, because chunks are small.

    glibc gives arrays of a megabyte back to the kernel as soon as they are let go, and has every page of the next one
    zeroed again: a third of a merge's processor time. Kept, they are a few megabytes.
    """
    found = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    found |= {"MALLOC_MMAP_THRESHOLD_": _HEAP, "MALLOC_TRIM_THRESHOLD_": _HEAP}
    return found | ({"OPENBLAS_CORETYPE": "SkylakeX"} if in_order() else {})


def in_order() -> bool:
    """Whether this processor has what those kernels need."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.split()) >= _AVX512
