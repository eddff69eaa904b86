"""What the kernel counts of the whole machine, from ``/proc`` (Linux's proc(5)), as psutil computes it.

Read here and not by psutil, which costs the process that samples every second a tenth of its memory.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Bytes of what ``/proc/diskstats`` calls a sector, whatever the disk's own are.
_SECTOR = 512


def memory(proc: Path = Path("/proc")) -> tuple[int, int]:
    """Bytes of memory in all, and those that programs could still get. Raises OSError."""
    lines = (line.split() for line in (proc / "meminfo").read_text().splitlines())
    found = {fields[0]: int(fields[1]) * 1024 for fields in lines}
    total, free = found["MemTotal:"], found["MemFree:"]
    # Some kernels say 0; in a container it may be more than there is, being the host's.
    available = found.get("MemAvailable:") or free + found.get("Cached:", 0)
    return total, free if available > total else available


class Cpu:
    """The share of all cores that is busy."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        """``proc``: where proc is mounted."""
        self._stat = proc / "stat"
        self._before = self._times()

    def percent(self) -> float:
        """Of the time since the call before; 0.0 when the kernel has counted nothing since. Raises OSError."""
        before, self._before = self._before, self._times()
        # A core that was switched off takes its count with it.
        passed = [max(0, now - then) for now, then in zip(self._before, before, strict=True)]
        return round(100 * (1 - sum(passed[3:5]) / sum(passed)), 1) if any(passed) else 0.0

    def _times(self) -> list[int]:
        with open(self._stat) as lines:
            first = lines.readline()
        # user nice system idle iowait irq softirq steal; what follows is a part of the first two.
        return [int(ticks) for ticks in first.split()[1:9]]


def network(proc: Path = Path("/proc")) -> dict[str, tuple[int, int]]:
    """Bytes that came in and went out over each network card. Raises OSError."""
    cards = {}
    for line in (proc / "net/dev").read_text().splitlines()[2:]:
        name, _colon, counts = line.rpartition(":")
        fields = counts.split()
        cards[name.strip()] = int(fields[0]), int(fields[8])
    return cards


def disks(proc: Path = Path("/proc"), block: Path = Path("/sys/block")) -> tuple[int, int] | None:
    """Bytes read from and written to all disks, no partition counted twice; None without any. Raises OSError."""
    # sysfs writes a slash in a device's name so.
    whole = {name.replace("!", "/") for name in os.listdir(block)}
    lines = (line.split() for line in (proc / "diskstats").read_text().splitlines())
    counts = [(int(fields[5]), int(fields[9])) for fields in lines if len(fields) > 9 and fields[2] in whole]
    if not counts:
        return None
    return tuple(_SECTOR * sum(column) for column in zip(*counts, strict=True))
