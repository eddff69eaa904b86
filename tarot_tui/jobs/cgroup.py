"""The control groups that a process is in: where systemd put it, and whom the kernel ended for want of memory.

Both versions (the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst). ``root``: where ``proc`` and ``sys`` are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Per version: the file with the count of processes that were ended for want of memory.
_OOM_COUNTS = {2: "memory.events", 1: "memory.oom_control"}


def oom_kills(pid: int | str = "self", root: Path = Path("/")) -> int | None:
    """How many processes of that process's group the kernel has ended for want of memory; None when it does not say.

    The groups below it count too. Compare two readings: the count goes back to the group's beginning.
    """
    for version, folder in memory_groups(pid, root):
        with suppress(OSError, ValueError):
            lines = (folder / _OOM_COUNTS[version]).read_text().splitlines()
            counts = dict(line.split() for line in lines)
            if "oom_kill" in counts:
                return int(counts["oom_kill"])
    return None


def memory_groups(pid: int | str = "self", root: Path = Path("/")) -> Iterator[tuple[int, Path]]:
    """The groups with memory accounting that a process is in, innermost first: version (1 or 2) and folder."""
    mounted = root / "sys/fs/cgroup"
    for controllers, path in _memberships(pid, root):
        if not controllers:
            version, top = 2, mounted
        elif "memory" in controllers.split(","):
            version, top = 1, mounted / "memory"
        else:
            continue
        # Inside a container the path may be the host's, while what is mounted begins at our own group.
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group.is_relative_to(top):
                yield version, group


def unit_path(pid: int | str = "self", root: Path = Path("/")) -> str:
    """Where systemd put the process: ``/user.slice/user-1000.slice/session-4.scope``; empty without systemd's groups."""
    places = dict(_memberships(pid, root))
    # On a machine with both versions systemd keeps its tree in one of its own name.
    return (places.get("name=systemd") or places.get("") or "").rstrip("/")


def _memberships(pid: int | str, root: Path) -> list[tuple[str, str]]:
    """The lines of ``/proc/<pid>/cgroup``: controllers (empty for version 2) and path."""
    try:
        lines = (root / f"proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return []
    fields = [line.split(":", 2) for line in lines]
    return [(entry[1], entry[2]) for entry in fields if len(entry) == 3]
