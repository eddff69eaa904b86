"""The readings of one machine over the last minutes, checked: what a screen shows of it. No Textual here."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tarot_tui.text import one_line
from tarot_tui.tui.run_curves import number

#: Seconds that one dot of the history stands for: it moves only so often, since each move repaints all of it.
STRIDE = 10
#: Dots that are kept of it.
KEPT = 60
#: Seconds over which the load is averaged for the hints.
MINUTE = 60


@dataclass(frozen=True)
class Process:
    """Who computes on a GPU. user: empty when hidden. ours: whether it belongs to the run that is watched."""

    pid: int
    user: str
    ours: bool


@dataclass(frozen=True)
class Gpu:
    """One GPU's reading, as far as there is one; None for what the driver does not say.

    util: percent. used, total: bytes of memory. heat: °C. power, limit: W. slowed: why its clocks are held down (see
    :data:`tarot_tui.jobs.gpu_reader.SLOWED`). parts: (used, total) of each MIG instance. lost: fell off the bus.
    stale: seconds since the driver answered last, 0 while it does. history: percent, the latest last.
    """

    index: str
    name: str = ""
    util: float | None = None
    used: float | None = None
    total: float | None = None
    heat: float | None = None
    power: float | None = None
    limit: float | None = None
    slowed: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    parts: tuple[tuple[float, float], ...] = ()
    lost: bool = False
    stale: float = 0.0
    history: tuple[float, ...] = ()

    @property
    def full(self) -> float:
        """The share of its memory that is in use."""
        return self.used / self.total if self.used is not None and self.total else 0.0

    @property
    def ours(self) -> bool:
        """Whether the run that is watched computes on it."""
        return any(process.ours for process in self.processes)


@dataclass(frozen=True)
class Machine:
    """One look. age: seconds since the sample was taken, None when the work it was taken of is over.

    minute: the mean load of each GPU over the last minute, by index; only of those that were seen that long.
    """

    sample: Mapping[str, Any] = field(default_factory=dict)
    gpus: tuple[Gpu, ...] = ()
    age: float | None = 0.0
    minute: Mapping[str, float] = field(default_factory=dict)
    name: str = ""

    def value(self, key: str) -> float | None:
        """A number of the sample; see :func:`tarot_tui.jobs.hardware.sample`."""
        return number(self.sample.get(key))

    @property
    def problem(self) -> str:
        """Why the NVIDIA driver says nothing, in its words; empty when it works or there is none."""
        return one_line(str(self.sample.get("gpu_problem") or ""), 100)


class History:
    """Takes samples and remembers what the last minutes were like."""

    def __init__(self, run: str = "") -> None:
        """``run``: the name of the run whose processes are ours."""
        self._run = run
        self._sample: Mapping[str, Any] = {}
        self._gpus: tuple[Gpu, ...] = ()
        self._dots: dict[str, deque[float]] = {}
        self._now: dict[str, tuple[int, float, int]] = {}
        self._recent: deque[tuple[float, dict[str, float]]] = deque()

    def add(self, sample: Mapping[str, Any]) -> None:
        """One sample, newer than those before."""
        self._sample = sample
        moment = number(sample.get("time")) or 0.0
        self._gpus = checked(sample, self._run)
        loads = {gpu.index: gpu.util for gpu in self._gpus if gpu.util is not None and not gpu.stale}
        self._recent.append((moment, loads))
        while self._recent and self._recent[0][0] < moment - MINUTE:
            self._recent.popleft()
        for index, load in loads.items():
            self._add_to_history(index, int(moment) // STRIDE, load)

    def _add_to_history(self, index: str, stride: int, load: float) -> None:
        begun, total, count = self._now.get(index, (stride, 0.0, 0))
        if stride != begun:
            dots = self._dots.setdefault(index, deque(maxlen=KEPT))
            dots.append(total / count)
            begun, total, count = stride, 0.0, 0
        self._now[index] = begun, total + load, count + 1

    def look(self, age: float | None) -> Machine:
        """How the machine is; ``age`` as :class:`Machine` has it."""
        gpus = tuple(replace(gpu, history=tuple(self._dots.get(gpu.index, ()))) for gpu in self._gpus)
        long_enough = len(self._recent) > 1 and self._recent[-1][0] - self._recent[0][0] > 0.7 * MINUTE
        minute = {}
        for gpu in gpus if long_enough else ():
            loads = [found[gpu.index] for _moment, found in self._recent if gpu.index in found]
            if loads:
                minute[gpu.index] = sum(loads) / len(loads)
        return Machine(self._sample, gpus, age, minute)


def checked(sample: Mapping[str, Any], run: str = "") -> tuple[Gpu, ...]:
    """The GPUs of a sample. A folder may come from anywhere: what should be a number is one, or absent."""
    found = sample.get("gpus")
    gpus = found if isinstance(found, list) else []
    return tuple(_gpu(gpu, run) for gpu in gpus if isinstance(gpu, dict))


def _gpu(gpu: dict[str, Any], run: str) -> Gpu:
    slowed, parts = gpu.get("slowed"), gpu.get("parts")
    return Gpu(
        index=one_line(str(gpu.get("index", "?")), 3),
        name=one_line(str(gpu.get("name") or ""), 40).removeprefix("NVIDIA "),
        util=number(gpu.get("util")),
        used=number(gpu.get("mem_used")),
        total=number(gpu.get("mem_total")),
        heat=number(gpu.get("temp")),
        power=number(gpu.get("power")),
        limit=number(gpu.get("power_limit")),
        slowed=tuple(one_line(str(why), 20) for why in slowed) if isinstance(slowed, list) else (),
        processes=_processes(gpu.get("processes"), run),
        parts=tuple(
            (number(part.get("mem_used")) or 0.0, number(part.get("mem_total")) or 0.0)
            for part in (parts if isinstance(parts, list) else [])
            if isinstance(part, dict)
        ),
        lost=bool(gpu.get("lost")),
        stale=float(gpu["stale"]) if isinstance(gpu.get("stale"), int | float) else 0.0,
    )


def _processes(found: Any, run: str) -> tuple[Process, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(
        Process(
            int(number(one.get("pid")) or 0),
            one_line(str(one.get("user") or ""), 20),
            bool(run) and one.get("job") == run,
        )
        for one in found
        if isinstance(one, dict)
    )
