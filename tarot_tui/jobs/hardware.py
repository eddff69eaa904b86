"""What the machine does: CPU, memory, disk, network, and the GPUs; and the log of it, bounded for runs of weeks."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tarot_tui.jobs import counters
from tarot_tui.jobs.files import replacing_lines
from tarot_tui.jobs.gpu_reader import GpuReader, Nvml

HOUR = 3600
MINUTE = 60
#: How far back the log reaches, in seconds.
KEPT = 21 * 24 * HOUR


def sample(folder: Path | None = None, rss: int = 0) -> dict[str, Any]:
    """One reading, JSON-ready; never waits for a driver.

    time: seconds since the epoch. cpu: percent of all cores since the last call. ram_used, ram_total, disk_free (of
    ``folder``'s disk), rss (as given, of the worker's tree): bytes. net_in, net_out, disk_read, disk_write: bytes per
    second since the last call, where they can be seen. gpu_problem: why an NVIDIA driver says nothing, in its words;
    left out when it works, or there is none.

    gpus: for each index, name, util (percent), mem_used, mem_total (bytes), temp (°C), power, power_limit (W),
    processes (a list of pid, user, job, mem in bytes, as far as they are seen); None for what the driver does not say.
    Left out unless it is so: slowed (why its clocks are held down: power, heat, brake, hardware), parts (of a GPU cut
    into MIG instances: mem_used, mem_total of each), lost (it fell off the bus), stale (the driver has not answered
    for so many seconds). Empty without NVML.
    """
    total, available = counters.memory()
    reading = {
        "time": round(time.time(), 2),
        "cpu": _cpu().percent(),
        "ram_used": total - available,
        "ram_total": total,
        "disk_free": disk_free(folder or Path.cwd()),
        "rss": rss,
        **_rates().now(),
        "gpus": gpus(),
    }
    return reading | ({"gpu_problem": problem} if (problem := _gpus().problem) else {})


def gpus() -> list[dict[str, Any]]:
    """The latest reading of every GPU, at once; [] without NVML, and until the first reading is there."""
    return _gpus().latest()


def has_gpus() -> bool:
    """Whether readings can be expected: false once NVML turned out to be missing or gave up."""
    return not _gpus().ended


def disk_free(folder: Path) -> int | None:
    """Bytes that may still be written to ``folder``'s disk; None when it cannot be asked."""
    try:
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize
    except OSError:
        return None


@cache
def _gpus() -> GpuReader:
    return GpuReader(Nvml().read)


class Rates:
    """Bytes per second since the call before, of counters that only grow."""

    def __init__(self, counters: Callable[[], dict[str, int]]) -> None:
        """``counters`` are asked now and at every call."""
        self._counters = counters
        self._before, self._at = counters(), time.monotonic()

    def now(self) -> dict[str, int]:
        """Each counter's rate; a counter that began anew, or just now, says 0."""
        before, at = self._before, self._at
        self._before, self._at = self._counters(), time.monotonic()
        seconds = max(self._at - at, 0.001)
        return {
            key: max(0, round((count - before.get(key, count)) / seconds))
            for key, count in self._before.items()
        }


@cache
def _cpu() -> counters.Cpu:
    return counters.Cpu()


@cache
def _rates() -> Rates:
    return Rates(_traffic)


def _traffic() -> dict[str, int]:
    """What went over the network cards and disks since the machine was started; without those that cannot be seen."""
    found: dict[str, int] = {}
    with suppress(OSError):
        cards = counters.network()
        # Bridges and the cards of containers repeat what goes over the real ones.
        real = [name for name in cards if Path(f"/sys/class/net/{name}/device").exists()]
        chosen = [cards[name] for name in real or cards if name != "lo"]
        found["net_in"] = sum(came for came, _went in chosen)
        found["net_out"] = sum(went for _came, went in chosen)
    with suppress(OSError):
        if disks := counters.disks():
            found["disk_read"], found["disk_write"] = disks
    return found


class HardwareLog:
    """``hardware.jsonl``: every sample of the last hour, one a minute of the three weeks before, nothing older."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thinned_at = time.monotonic()

    def append(self, reading: dict[str, Any]) -> None:
        """Add one sample; now and then thin the file. Raises OSError."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(reading, ensure_ascii=False, separators=(",", ":")) + "\n")
        if time.monotonic() - self._thinned_at >= HOUR:
            self._thinned_at = time.monotonic()
            self.thin(reading["time"])

    def thin(self, now: float) -> None:
        """Rewrite the file, in one step, to what is worth keeping at ``now``. Raises OSError."""
        minute = None
        with (
            open(self._path, encoding="utf-8", errors="replace") as lines,
            replacing_lines(self._path) as kept,
        ):
            for line in lines:
                taken = _time_of(line)
                if taken is None or taken < now - KEPT:
                    continue
                if taken < now - HOUR:
                    if taken // MINUTE == minute:
                        continue
                    minute = taken // MINUTE
                kept.write(line)


def _time_of(line: str) -> float | None:
    # Parsing whole samples of a week, eight GPUs each, would hold up the heartbeat.
    found = re.match(r'\{"time": ?([0-9.]+)', line)
    return float(found.group(1)) if found and line.endswith("}\n") else None
