"""What the GPUs do, through NVML, read in a thread that may hang: a sick driver answers after minutes, or never."""

from __future__ import annotations

import ctypes
import importlib
import os
import pwd
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tarot_tui.jobs.worker import VARIABLE

#: Seconds after which a reading is marked ``stale``: the driver hangs.
STALE = 5.0
#: Seconds until a driver that gave up is asked again.
_AGAIN = 30.0
#: Why a GPU is slower than it could be, as readings name it: nvmlClocksEventReasons of the NVML API reference that a
#: training suffers from.
SLOWED = {"power": 0x4, "hardware": 0x8, "heat": 0x20 | 0x40, "brake": 0x80}

Gpu = dict[str, Any]


class GpuReader:
    """GPU readings, taken in a daemon thread, so that nobody waits for them."""

    def __init__(self, read: Callable[[], list[Gpu]], every: float = 1.0) -> None:
        """``read`` gives one reading; it raises LookupError when there will never be one."""
        self._read = read
        self._every = every
        #: Whether there will be no further reading.
        self.ended = False
        #: Why the driver gives none, in its own words; empty while it does, and where there is no driver.
        self.problem = ""
        self._latest: list[Gpu] = []
        self._read_at = time.monotonic()
        threading.Thread(target=self._loop, name="gpus", daemon=True).start()

    def latest(self) -> list[Gpu]:
        """The last reading, at once; each GPU of an old one says in ``stale`` how many seconds old it is."""
        age = time.monotonic() - self._read_at
        return [{**gpu, "stale": round(age)} for gpu in self._latest] if age > STALE else self._latest

    def _loop(self) -> None:
        while not self.ended:
            pause = self._every
            try:
                self._latest = self._read()
                self._read_at = time.monotonic()
                self.problem = ""
            except LookupError:
                self.ended = True
            except Exception as error:  # NVML's errors, and whatever it raises on being unloaded under us
                self.problem = str(error)
                pause = _AGAIN
                # Without a first reading there is nothing to be old.
                self.ended = not self._latest
            time.sleep(pause)


class Nvml:
    """NVML through nvidia-ml-py, opened at the first reading."""

    def __init__(self) -> None:
        self._nvml: Any = None
        #: What does not change: by index the handle, name and power limit.
        self._known: dict[int, tuple[Any, str, float | None]] = {}
        #: What those were called that fell off the bus.
        self._names: dict[int, str] = {}
        self._owners = Owners()

    def read(self) -> list[Gpu]:
        """One reading of all GPUs, see :func:`tarot_tui.jobs.hardware.sample`.

        Raises LookupError where there is no NVML, and what pynvml raises when it does not work.
        """
        if self._nvml is None:
            try:
                ctypes.CDLL(
                    "libnvidia-ml.so.1"
                )  # absent on most machines: cheaper to find out than the import
            except OSError as error:
                raise LookupError(str(error)) from None
            pynvml = _nvidia_ml_py()
            pynvml.nvmlInit()
            self._nvml = pynvml
        return [self._one(index) for index in range(self._nvml.nvmlDeviceGetCount())]

    def _one(self, index: int) -> Gpu:
        nvml = self._nvml
        try:
            handle, name, limit = self._identity(index)
        except nvml.NVMLError:
            return self._lost(index)
        try:
            temp = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        except nvml.NVMLError_GpuIsLost:
            return self._lost(index)
        except nvml.NVMLError:
            temp = None
        util = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        found: Gpu = {
            "index": index,
            "name": name,
            "util": util and util.gpu,
            **self._memory(handle),
            "temp": temp,
            "power": _watts(self._ask(nvml.nvmlDeviceGetPowerUsage, handle)),
            "power_limit": limit,
            "processes": self._processes(handle),
        }
        # What most GPUs have not is left out: these go into a file every second.
        extra = {"slowed": self._slowed(handle), "parts": self._parts(handle)}
        return found | {key: value for key, value in extra.items() if value}

    def _identity(self, index: int) -> tuple[Any, str, float | None]:
        if index not in self._known:
            nvml = self._nvml
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = self._ask(nvml.nvmlDeviceGetName, handle)
            text = name.decode(errors="replace") if isinstance(name, bytes) else name or ""
            limit = _watts(self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle))
            self._known[index] = handle, text, limit
        return self._known[index]

    def _lost(self, index: int) -> Gpu:
        # It fell off the bus, or was taken from us: asked for anew each time, should it come back.
        if index in self._known:
            self._names[index] = self._known.pop(index)[1]
        unsaid = dict.fromkeys(("util", "mem_used", "mem_total", "temp", "power", "processes"))
        return {"index": index, "name": self._names.get(index, ""), **unsaid, "lost": True}

    def _memory(self, handle: Any) -> dict[str, int | None]:
        memory = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, handle)
        return {"mem_used": memory and memory.used, "mem_total": memory and memory.total}

    def _processes(self, handle: Any) -> list[dict[str, Any]] | None:
        found = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        return None if found is None else [self._owners.of(one.pid, one.usedGpuMemory) for one in found]

    def _slowed(self, handle: Any) -> list[str]:
        bits = self._ask(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
        return [reason for reason, mask in SLOWED.items() if bits & mask]

    def _parts(self, handle: Any) -> list[dict[str, int | None]]:
        nvml = self._nvml
        mode = self._ask(nvml.nvmlDeviceGetMigMode, handle)
        if not mode or not mode[0]:
            return []
        most = self._ask(nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
        parts = (
            self._ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number) for number in range(most)
        )
        return [self._memory(part) for part in parts if part is not None]

    def _ask(self, question: Callable[..., Any], *what: Any) -> Any:
        # A question that a GPU or a driver does not know costs that one value.
        try:
            return question(*what)
        except (self._nvml.NVMLError, self._nvml.NVMLLibraryMismatchError):
            return None


def _nvidia_ml_py() -> ModuleType:
    """Its module, imported without the one that it names and never asks: that brings a tenth of the sampler's memory."""
    named = "ctypes.util"
    absent = named not in sys.modules
    if absent:
        stand_in = ModuleType(named)
        stand_in.find_library = lambda name: importlib.import_module(named).find_library(name)
        sys.modules[named] = stand_in
    try:
        import pynvml
    finally:
        if absent:
            del sys.modules[named]
    return pynvml


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 1)


class Owners:
    """Whose a process is, and which of our jobs it belongs to; looked up again every ten seconds."""

    _KEPT = 10.0

    def __init__(self) -> None:
        self._found: dict[int, dict[str, Any]] = {}
        self._since = float("-inf")

    def of(self, pid: int, memory: int | None = None) -> dict[str, Any]:
        """``{"pid", "user", "job", "mem"}``; what cannot be seen (another container, another user's job) is left out."""
        if time.monotonic() - self._since > self._KEPT:
            self._found, self._since = {}, time.monotonic()
        if pid not in self._found:
            self._found[pid] = _owner(pid)
        return {"pid": pid, **self._found[pid], **({"mem": memory} if memory else {})}


def _owner(pid: int) -> dict[str, str]:
    found = {}
    place = Path("/proc") / str(pid)
    with suppress(OSError):
        found["user"] = _user(place.stat().st_uid)
        mark = f"{VARIABLE}=".encode()
        for setting in (place / "environ").read_bytes().split(b"\0"):
            if setting.startswith(mark):
                found["job"] = os.path.basename(os.fsdecode(setting[len(mark) :]))
    return found


@cache
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
