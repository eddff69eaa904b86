"""What a training would run on, found without importing torch: the idlest visible NVIDIA GPU, else the CPU."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.training.recipe import Recipe

Precision = Literal["bf16", "fp16", "fp32"]


@dataclass(frozen=True)
class Device:
    """kind: ``cuda`` or ``cpu``. index: what CUDA_VISIBLE_DEVICES must say to get it; empty for the CPU.

    total, free: its memory in bytes. bf16: whether it computes in bfloat16 itself (emulation does not count).
    """

    kind: Literal["cuda", "cpu"]
    index: str
    name: str
    total: int
    free: int
    bf16: bool

    def as_dict(self) -> dict[str, Any]:
        """The device as JSON-ready keys and values."""
        return asdict(self)


def choose(taken: Collection[str] = ()) -> Device:
    """The device that a training started now would get; ``taken`` as :func:`idlest` has it."""
    if torch_has_cuda() and (gpus := _gpus()):
        return _idlest_first(gpus, taken)[0]
    return _cpu()


def idlest(count: int, taken: Collection[str] = ()) -> list[Device]:
    """So many different devices, those with the most free memory; the CPU is given as often as asked.

    taken: the GPUs of living runs (:func:`tarot_tui.jobs.gpus.claimed`), chosen only when there are too few others: one
    that has just started fills its memory later. Raises Refused when there are fewer GPUs.
    """
    gpus = _gpus() if torch_has_cuda() else []
    if not gpus:
        return [_cpu()] * count
    if len(gpus) < count:
        raise Refused(
            _("There are {found} GPUs for {wanted} processes: start fewer.").format(
                found=len(gpus), wanted=count
            )
        )
    return _idlest_first(gpus, taken)[:count]


def _idlest_first(gpus: Iterable[Device], taken: Collection[str]) -> list[Device]:
    return sorted(gpus, key=lambda gpu: (gpu.index in taken, -gpu.free))


def precision(recipe: Recipe, device: Device) -> Precision:
    """What the recipe computes in on ``device``: as asked, else the fastest that the hardware really has."""
    if recipe.bf16 or recipe.pure_bf16:
        return "bf16"
    if recipe.fp16:
        return "fp16"
    if device.bf16 and recipe.bf16 is None:
        return "bf16"
    if device.kind == "cuda" and recipe.fp16 is None:
        return "fp16"
    return "fp32"


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA; read from its ``version.py``."""
    # Not importlib.util.find_spec: the planning process hides torch from transformers.
    found = PathFinder.find_spec("torch")
    if not (found and found.origin):
        return False
    try:
        text = (Path(found.origin).parent / "version.py").read_text()
    except OSError:
        return False
    return bool(re.search(r"^cuda\b.*=\s*['\"]\d", text, re.MULTILINE))


def cpu_threads() -> int:
    """Threads that a training on the CPU should use: physical cores that we may run on, or OMP_NUM_THREADS."""
    import psutil

    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    allowed = len(os.sched_getaffinity(0))
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def _gpus() -> list[Device]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(index) for index in _visible(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _visible(count: int) -> list[str]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, each by its NVML index or UUID."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [str(index) for index in range(count)]
    names = []
    for name in (entry.strip() for entry in chosen.split(",")):
        # CUDA itself stops at the first name it does not know.
        if not name or (name.lstrip("-").isdigit() and not 0 <= int(name) < count):
            break
        names.append(name)
    return names


def _gpu(name: str) -> Device:
    import pynvml

    handle = (
        pynvml.nvmlDeviceGetHandleByIndex(int(name))
        if name.isdigit()
        else pynvml.nvmlDeviceGetHandleByUUID(name)
    )
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    major, _minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    title = pynvml.nvmlDeviceGetName(handle)
    return Device(
        kind="cuda",
        index=name,
        name=title if isinstance(title, str) else title.decode(),
        total=int(memory.total),
        free=int(memory.free),
        bf16=major >= 8,  # Ampere; torch calls older ones capable too, by emulation
    )


def _cpu() -> Device:
    import psutil

    from tarot_tui.doctor.memory import memory

    machine = psutil.virtual_memory()
    ours = memory(machine.total, machine.available)
    name, flags = "CPU", set()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    if found := re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE):
        name = found[1].strip()
    if found := re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE):
        flags = set(found[1].split())
    return Device(
        kind="cpu",
        index="",
        name=name,
        total=ours.total,
        free=ours.available,
        bf16=bool(flags & {"avx512_bf16", "amx_bf16", "bf16"}),
    )
