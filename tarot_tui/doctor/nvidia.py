"""NVIDIA's driver and GPUs as NVML sees them: the truth that torch is compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.doctor.fixes import pip_install
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import size

_AMD = "0x1002"


@dataclass(frozen=True)
class Gpu:
    """name as the driver says it; total and free: bytes of its memory; capability: (major, minor)."""

    name: str
    total: int
    free: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Nvidia:
    """driver: its version, empty without one. cuda: the newest CUDA that it runs. error: why NVML does not work."""

    driver: str = ""
    cuda: tuple[int, int] = (0, 0)
    gpus: tuple[Gpu, ...] = ()
    error: str = ""


def look() -> Nvidia:
    """Ask NVML."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Nvidia(error=str(error))
    try:
        number = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        return Nvidia(
            driver=_text(pynvml.nvmlSystemGetDriverVersion()),
            cuda=(number // 1000, number % 1000 // 10),
            gpus=tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())),
        )
    except pynvml.NVMLError as error:
        return Nvidia(error=str(error))
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total=int(memory.total),
        free=int(memory.free),
        capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
    )


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def check() -> Iterator[Finding]:
    """The driver, and each GPU."""
    found = look()
    if not found.gpus and card_on_the_bus(vendor=_AMD):
        yield amd()
        return
    yield from findings(found, card=card_on_the_bus())


def amd() -> Finding:
    """What an AMD card can do here, honestly."""
    return Finding(
        "nvidia.amd",
        "warning",
        _(
            "There is an AMD card: with PyTorch for ROCm, LoRA in bf16 works on it; 4-bit training and the GPU "
            "readings are made for NVIDIA and not tested there."
        ),
        "PCI vendor 1002",
        fix=pip_install(
            "--force-reinstall", "torch", "--index-url", "https://download.pytorch.org/whl/rocm6.4"
        ),
    )


def findings(nvidia: Nvidia, card: bool) -> Iterator[Finding]:
    """What NVML's answer means; ``card``: whether an NVIDIA card is plugged in, whatever NVML says."""
    if nvidia.error and "mismatch" in nvidia.error.lower():
        yield Finding(
            "nvidia.mismatch",
            "warning",
            _("The NVIDIA driver was updated while the old one is still loaded: restart the machine."),
            nvidia.error,
            fix="sudo reboot",
        )
    elif card and not nvidia.driver:
        yield Finding(
            "nvidia.no_driver",
            "warning",
            _("An NVIDIA card is plugged in, but its driver does not answer: install or load it."),
            nvidia.error,
            fix="sudo modprobe nvidia && nvidia-smi",
        )
    elif not nvidia.gpus:
        yield Finding(
            "nvidia.none",
            "warning",
            _("There is no NVIDIA GPU: on the CPU only small models can be trained."),
            nvidia.error,
        )
    else:
        yield Finding(
            "nvidia.driver",
            "ok",
            _("The NVIDIA driver {driver} runs CUDA up to {major}.{minor}.").format(
                driver=nvidia.driver, major=nvidia.cuda[0], minor=nvidia.cuda[1]
            ),
            nvidia.driver,
        )
    for index, gpu in enumerate(nvidia.gpus):
        yield Finding(
            f"nvidia.gpu.{index}",
            "ok",
            _("GPU {index}: {name}, {free} of {total} of memory free.").format(
                index=index, name=gpu.name, free=size(gpu.free), total=size(gpu.total)
            ),
            f"compute capability {gpu.capability[0]}.{gpu.capability[1]}",
        )


def card_on_the_bus(root: Path = Path("/"), vendor: str = "0x10de") -> bool:
    """Whether the PCI bus holds a graphics card or accelerator (class 03xx) of ``vendor``, by default NVIDIA."""
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            if (device / "vendor").read_text().strip() == vendor and (
                device / "class"
            ).read_text().startswith("0x03"):
                return True
        except OSError:
            continue
    return False


def unusable_nodes(root: Path = Path("/")) -> list[str]:
    """The device files that CUDA needs and that we cannot open for reading and writing."""
    if (root / "dev/dxg").exists():
        return []  # WSL reaches the GPU through this one instead
    names = ("nvidiactl", "nvidia-uvm")
    paths = [root / "dev" / name for name in names]
    return [str(path) for path in paths if not os.access(path, os.R_OK | os.W_OK)]
