"""Memory that this process may really have: the machine's, or less inside a container (cgroups v1 and v2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Per version of cgroups: the files that hold the limit and what is used of it, and what of that is only file cache.
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


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
    for folder, names in _groups(root):
        limit, used = _number(folder / names[0]), _number(folder / names[1])
        # "No limit" is the word max in v2, and a number beyond any memory in v1.
        if limit is None or limit >= total:
            continue
        left = max(0, limit - (used or 0) + _statistic(folder / "memory.stat", names[2]))
        found = Memory(min(found.total, limit), min(found.available, left), True)
    return found


def _groups(root: Path) -> Iterator[tuple[Path, tuple[str, str, str]]]:
    """Our cgroups with memory accounting, and those above them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mounted = root / "sys/fs/cgroup"
    for line in lines:
        _number_, controllers, path = line.split(":", 2)
        if not controllers:
            top, names = mounted, _V2
        elif "memory" in controllers.split(","):
            top, names = mounted / "memory", _V1
        else:
            continue
        # Inside a container the path may be the host's, while what is mounted begins at our own group.
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group.is_relative_to(top):
                yield group, names


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
