"""Which matrix kernels a merge computes with, so that it adds in the order in which peft's merge adds."""

from __future__ import annotations

from pathlib import Path

_AVX512 = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}


def environment() -> dict[str, str]:
    """Variables for a process that merges, to be set before it imports numpy.

    torch sums a product of matrices in order, with fused multiply-add. So do the AVX-512 kernels of numpy's OpenBLAS,
    but on processors it does not know by name it takes older ones, which round a few sums the other way (measured:
    3 of 4.7 million bf16 weights differ by one unit in the last place). One thread, because chunks are small.
    """
    found = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return found | ({"OPENBLAS_CORETYPE": "SkylakeX"} if in_order() else {})


def in_order() -> bool:
    """Whether this processor has what those kernels need."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.split()) >= _AVX512
