"""The state of each NVIDIA GPU, as NVML says it: who else uses it, faults, throttling, and how the cards are joined."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, size

#: Bits of nvmlDeviceGetCurrentClocksEventReasons that slow a training down. (NVML API reference, nvmlClocksEventReasons.)
_SLOWED = (
    (0x8, N_("hardware slowdown")),
    (0x40, N_("too hot")),
    (0x20, N_("too hot")),
    (0x80, N_("power brake")),
    (0x4, N_("power limit")),
)
#: Below this much memory in use a process is a display server or the like.
_TRIFLE = 300_000_000


@dataclass(frozen=True)
class Process:
    """A process on a GPU. user: whose it is, empty when that is hidden. memory: bytes, 0 when hidden."""

    pid: int
    user: str
    name: str
    memory: int


@dataclass(frozen=True)
class State:
    """What NVML says of one GPU; None where it does not say.

    uncorrected: ECC errors since the driver was loaded that could not be corrected. reasons: the bits of why its clocks
    are held down. mig: whether it is cut into instances.
    """

    index: int
    name: str
    processes: tuple[Process, ...] = ()
    uncorrected: int | None = None
    persistence: bool | None = None
    reasons: int = 0
    temperature: int | None = None
    mig: bool = False


def check() -> Iterator[Finding]:
    """Each GPU, then how they are joined."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return  # said by the check of the driver
    try:
        count = pynvml.nvmlDeviceGetCount()
        for index in range(count):
            yield from findings(_state(index), own_user())
        if count > 1:
            yield joined([_link(0, other) for other in range(1, count)])
    finally:
        pynvml.nvmlShutdown()


def own_user() -> str:
    """The name of the user that we are."""
    import getpass

    with suppress(OSError, KeyError):
        return getpass.getuser()
    return str(os.getuid())


def findings(state: State, user: str) -> Iterator[Finding]:
    """What is worth saying about one GPU; nothing when all is well."""
    name = f"gpu_state.{state.index}"
    title = {"index": state.index, "name": one_line(state.name, 60)}
    others = [one for one in state.processes if one.memory >= _TRIFLE or not one.memory]
    if others:
        strangers = sorted({one.user for one in others} - {user, ""})
        whose = ", ".join(strangers) if strangers else _("your own or hidden")
        yield Finding(
            f"{name}.used",
            "warning",
            _("GPU {index} ({name}) is in use: {count} processes ({whose}), {memory}.").format(
                count=len(others), whose=whose, memory=size(sum(one.memory for one in others)), **title
            ),
            "; ".join(f"{one.pid} {one.user} {one_line(one.name, 40)} {one.memory}" for one in others[:8]),
            fix="nvidia-smi",
        )
    if state.uncorrected:
        yield Finding(
            f"{name}.ecc",
            "error",
            _("GPU {index} ({name}) has had {count} memory errors that it could not correct.").format(
                count=state.uncorrected, **title
            ),
            f"uncorrected ECC {state.uncorrected}",
            fix=f"sudo nvidia-smi --gpu-reset -i {state.index}",
        )
    slowed = list(dict.fromkeys(_(words) for bit, words in _SLOWED if state.reasons & bit))
    if slowed:
        yield Finding(
            f"{name}.throttled",
            "warning",
            _("GPU {index} ({name}) is held back: {reasons}.").format(reasons=", ".join(slowed), **title),
            f"reasons {state.reasons:#x}, {state.temperature} °C",
            fix="nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
        )
    if state.persistence is False:
        yield Finding(
            f"{name}.persistence",
            "info",
            _("GPU {index} ({name}) is not kept awake: every program waits for it at its start.").format(
                **title
            ),
            fix="sudo nvidia-smi -pm 1",
        )
    if state.mig:
        yield Finding(
            f"{name}.mig",
            "info",
            _("GPU {index} ({name}) is cut into instances (MIG): a training gets one of them.").format(
                **title
            ),
            fix="nvidia-smi -L",
        )


def joined(links: list[str]) -> Finding:
    """How the first GPU reaches the others; ``links``: ``nvlink``, ``p2p`` or ``host``, one for each other."""
    worst = next((kind for kind in ("host", "p2p", "nvlink") if kind in links), "nvlink")
    texts = {
        "nvlink": _("The GPUs are joined by NVLink."),
        "p2p": _("The GPUs reach each other's memory over PCIe."),
        "host": _(
            "The GPUs reach each other only through the host's memory: several are slower than they could be."
        ),
    }
    fixes = {"host": "nvidia-smi topo -m"}
    return Finding(
        "gpu_state.joined",
        "info" if worst == "host" else "ok",
        texts[worst],
        ", ".join(links),
        fixes.get(worst, ""),
    )


def _state(index: int) -> State:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)

    def ask(call: Callable[..., Any], *more: Any) -> Any:
        # Each card and driver knows only some of this, and a function may be missing from an old library altogether.
        with suppress(pynvml.NVMLError, AttributeError):
            return call(handle, *more)
        return None

    processes = ask(pynvml.nvmlDeviceGetComputeRunningProcesses) or []
    mig = ask(pynvml.nvmlDeviceGetMigMode)
    persistence = ask(pynvml.nvmlDeviceGetPersistenceMode)
    reasons = ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons)
    return State(
        index=index,
        name=str(ask(pynvml.nvmlDeviceGetName) or "?"),
        processes=tuple(_process(one.pid, one.usedGpuMemory or 0) for one in processes),
        uncorrected=ask(
            pynvml.nvmlDeviceGetTotalEccErrors,
            pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            pynvml.NVML_VOLATILE_ECC,
        ),
        persistence=None if persistence is None else bool(persistence),
        reasons=int(reasons or 0),
        temperature=ask(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
        mig=bool(mig and mig[0]),
    )


def _process(pid: int, memory: int) -> Process:
    import psutil

    user = name = ""
    # In a container the pids are the host's, and a stranger's process may hide itself.
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        name, user = process.name(), process.username()
    return Process(pid, user, name, memory)


def _link(first: int, second: int) -> str:
    import pynvml

    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in (first, second)]

    def reaches(kind: int) -> bool:
        with suppress(pynvml.NVMLError, AttributeError):
            return pynvml.nvmlDeviceGetP2PStatus(*handles, kind) == pynvml.NVML_P2P_STATUS_OK
        return False

    if reaches(pynvml.NVML_P2P_CAPS_INDEX_NVLINK):
        return "nvlink"
    return "p2p" if reaches(pynvml.NVML_P2P_CAPS_INDEX_READ) else "host"
