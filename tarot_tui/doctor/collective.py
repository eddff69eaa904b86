"""Several GPUs, proven by a sum: each process adds its rank, and all must know the total."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tarot_tui.doctor.known import explain
from tarot_tui.doctor.nvidia import look
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Seconds for both processes, the import of torch and NCCL's start included.
PATIENCE = 45


def check() -> Iterator[Finding]:
    """Two GPUs, where there are two."""
    if len(look().gpus) > 1:
        yield proof("nccl", 2)


def proof(backend: str, ranks: int) -> Finding:
    """Whether ``ranks`` processes on this machine can sum over ``backend`` (``nccl`` on GPUs, ``gloo`` on the CPU)."""
    command = [sys.executable, "-P", "-m", "tarot_tui.doctor.collective", backend, str(ranks)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
        said, stuck = done.stderr, False
    except subprocess.TimeoutExpired as error:
        said, stuck = (error.stderr or b"").decode("utf-8", "replace"), True
    if not stuck and done.returncode == 0:
        return Finding(
            "collective",
            "ok",
            _("{ranks} processes sum over {backend}: several GPUs can train together.").format(
                ranks=ranks, backend=backend.upper()
            ),
            done.stdout.strip(),
        )
    known = explain(said)
    last = [line for line in said.splitlines() if line.strip()][-1:]
    reason = (
        _("no answer within {seconds} s").format(seconds=PATIENCE) if stuck else one_line("".join(last), 160)
    )
    return Finding(
        "collective.broken",
        "warning",
        _("{ranks} processes cannot sum over {backend}: {reason}. One GPU alone works.").format(
            ranks=ranks, backend=backend.upper(), reason=reason.rstrip(".")
        ),
        one_line(said[-2000:], 500),
        fix=known[0].fix if known else "NCCL_DEBUG=INFO tarot-tui doctor",
    )


def _rank(rank: int, backend: str, ranks: int, store: str) -> None:
    import torch
    import torch.distributed as dist

    dist.init_process_group(backend, init_method=f"file://{store}", rank=rank, world_size=ranks)
    device = f"cuda:{rank}" if backend == "nccl" else "cpu"
    total = torch.tensor([float(rank + 1)], device=device)
    dist.all_reduce(total)
    if total.item() != ranks * (ranks + 1) / 2:
        raise RuntimeError(f"the sum is {total.item()}")
    dist.destroy_process_group()


def main(backend: str, ranks: int) -> None:
    """Start the processes and wait for their sum."""
    import os
    import tempfile

    import torch.multiprocessing as mp

    with tempfile.TemporaryDirectory() as folder:
        # A file, not a port: nothing listens.
        mp.spawn(_rank, (backend, ranks, os.path.join(folder, "store")), nprocs=ranks)
    print(f"{backend}, {ranks} ranks")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
