"""Memory that this process may really have: the machine's, or less inside a container (cgroups v1 and v2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tarot_tui.jobs.cgroup import memory_groups

#: Per version of cgroups: the files that hold the limit and what is used of it, and what of that is only file cache.
_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@dataclass(frozen=True)
class Memory:
    """Bytes. limited: whether a cgroup allows less than the machine has."""

    total: int
    available: int
    limited: bool = False


def memory(total: int, available: int, root: Path = Path("/")) -> Memory:
    """The machine's ``total`` and ``available`` memory, cut to the tightest limit of the cgroups that we are in.

    root: where ``proc`` and ``sys`` are. Format: the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
    """
    found = Memory(total, available)
    for version, folder in memory_groups(root=root):
        names = _FILES[version]
        limit, used = _number(folder / names[0]), _number(folder / names[1])
        # "No limit" is the word max in v2, and a number beyond any memory in v1.
        if limit is None or limit >= total:
            continue
        left = max(0, limit - (used or 0) + _statistic(folder / "memory.stat", names[2]))
        found = Memory(min(found.total, limit), min(found.available, left), True)
    return found


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _statistic(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
