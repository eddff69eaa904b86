"""What the machine does: CPU, memory, disk, and GPUs through NVML; and the log of it, bounded for runs of weeks."""

from __future__ import annotations

import ctypes
import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from tarot_tui.jobs.files import replacing_lines

#: Seconds after which a GPU reading is marked ``stale``: the driver hangs.
STALE = 5.0

HOUR = 3600
MINUTE = 60
#: How far back the log reaches, in seconds.
KEPT = 21 * 24 * HOUR


def sample(folder: Path | None = None, rss: int = 0) -> dict[str, Any]:
    """One reading, JSON-ready; never waits for a driver.

    time: seconds since the epoch. cpu: percent of all cores since the last call. ram_used, ram_total, disk_free (of
    ``folder``'s disk), rss (as given, of the worker's tree): bytes. gpus: for each index, name, util (percent),
    mem_used, mem_total (bytes), temp (°C), power (W), processes (that compute on it, as far as they are seen); None for what the driver does not say; ``stale`` is true
    when the driver has not answered for 5 s. Empty without NVML.
    """
    memory = psutil.virtual_memory()
    return {
        "time": round(time.time(), 2),
        "cpu": psutil.cpu_percent(),
        "ram_used": memory.total - memory.available,
        "ram_total": memory.total,
        "disk_free": disk_free(folder or Path.cwd()),
        "rss": rss,
        "gpus": gpus(),
    }


def gpus() -> list[dict[str, Any]]:
    """The latest reading of every GPU, at once; [] without NVML, and until the first reading is there."""
    return _gpus().latest()


def has_gpus() -> bool:
    """Whether readings can be expected: false once NVML turned out to be missing or gave up."""
    return not _gpus().ended


def disk_free(folder: Path) -> int | None:
    """Bytes that may still be written to ``folder``'s disk; None when it cannot be asked."""
    try:
        return psutil.disk_usage(str(folder)).free
    except OSError:
        return None


class GpuReader:
    """GPU readings, taken in a daemon thread: NVML may hang for minutes on a sick GPU, and its callers must not."""

    def __init__(self, read: Callable[[], list[dict[str, Any]]], every: float = 1.0) -> None:
        """``read`` gives one reading, or raises when there is nothing (more) to read."""
        self._read = read
        self._every = every
        #: Whether there will be no further reading.
        self.ended = False
        self._latest: list[dict[str, Any]] = []
        self._read_at = time.monotonic()
        threading.Thread(target=self._loop, name="gpus", daemon=True).start()

    def latest(self) -> list[dict[str, Any]]:
        """The last reading, at once."""
        stale = time.monotonic() - self._read_at > STALE
        return [{**gpu, "stale": True} for gpu in self._latest] if stale else self._latest

    def _loop(self) -> None:
        # Whatever NVML raises, also on being unloaded under us, ends the readings and nothing else.
        with suppress(Exception):
            while True:
                self._latest = self._read()
                self._read_at = time.monotonic()
                time.sleep(self._every)
        self.ended = True


@cache
def _gpus() -> GpuReader:
    return GpuReader(_Nvml().read)


class _Nvml:
    """NVML through nvidia-ml-py, opened at the first reading."""

    def __init__(self) -> None:
        self._nvml: Any = None

    def read(self) -> list[dict[str, Any]]:
        """One reading of all GPUs. Raises when there is no NVML."""
        if self._nvml is None:
            ctypes.CDLL("libnvidia-ml.so.1")  # absent on most machines: cheaper to find out than the import
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        return [self._one(index) for index in range(self._nvml.nvmlDeviceGetCount())]

    def _one(self, index: int) -> dict[str, Any]:
        nvml = self._nvml
        handle = self._ask(nvml.nvmlDeviceGetHandleByIndex, index)
        name = self._ask(nvml.nvmlDeviceGetName, handle)
        util = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        processes = self._ask(nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        return {
            "index": index,
            "name": name.decode(errors="replace") if isinstance(name, bytes) else name,
            "util": util and util.gpu,
            "mem_used": memory and memory.used,
            "mem_total": memory and memory.total,
            "temp": self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            "power": None if power is None else round(power / 1000, 1),  # mW → W
            "processes": None if processes is None else len(processes),
        }

    def _ask(self, question: Callable[..., Any], *what: Any) -> Any:
        # A GPU that fell off the bus, or a question it does not know, costs that one value.
        if what[0] is None:
            return None
        try:
            return question(*what)
        except self._nvml.NVMLError:
            return None


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
