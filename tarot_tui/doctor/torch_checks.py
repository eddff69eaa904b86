"""Whether torch works here: its build, its GPUs, a real product on each, and why not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from tarot_tui.doctor import packages
from tarot_tui.doctor.fixes import pip_install
from tarot_tui.doctor.nvidia import Nvidia, look, unusable_nodes
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

INDEX = "https://download.pytorch.org/whl"
#: Oldest driver → the newest wheel it runs; any 12.x runs on the first driver of 12. (NVIDIA: CUDA Toolkit release
#: notes, table of driver versions, and CUDA Compatibility, "minor version compatibility".)
_WHEELS = (((580, 65), "cu130"), ((570, 26), "cu128"), ((525, 60), "cu126"))
#: GPUs older than Turing have no code in wheels newer than this one.
_OLD_GPUS, _WHEEL_OF_OLD_GPUS = (7, 5), "cu126"


@dataclass(frozen=True)
class Build:
    """version: torch's. cuda, hip: what it was built for, empty if not. available: that a GPU can be used.

    reason: torch's own words why it cannot.
    """

    version: str
    cuda: str = ""
    hip: str = ""
    available: bool = False
    reason: str = ""


def check() -> Iterator[Finding]:
    """Everything there is to say about torch."""
    if not packages.version("torch"):
        yield Finding(
            "torch.missing",
            "error",
            _("PyTorch, which does the training, is not installed."),
            fix=pip_install(f"{packages.DISTRIBUTION}[train]"),
        )
        return
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(
            "torch.broken",
            "error",
            _("PyTorch is installed but cannot be loaded: {reason}.").format(
                reason=one_line(str(error), 120).rstrip(".")
            ),
            evidence=one_line(repr(error), 500),
            fix=pip_install("--force-reinstall", "torch"),
        )
        return
    build = Build(
        version=torch.__version__,
        cuda=torch.version.cuda or "",
        hip=torch.version.hip or "",
        available=torch.cuda.is_available(),
        reason="" if torch.cuda.is_available() else _reason(),
    )
    yield from version_findings(build.version)
    yield build_finding(build, look(), os.environ, unusable_nodes())
    if build.available:
        for index in range(torch.cuda.device_count()):
            yield from _device(index)


def _reason() -> str:
    import torch

    try:
        torch.cuda.init()
    except Exception as error:
        return one_line(str(error), 300)
    return ""


def version_findings(version: str) -> Iterator[Finding]:
    """A complaint when the version of torch is not one that we accept."""
    wanted = packages.wanted_versions().get("torch", SpecifierSet())
    if version.partition("+")[0] not in wanted:
        yield Finding(
            "torch.version",
            "error",
            _("PyTorch {version} is too old: {wanted} is needed.").format(version=version, wanted=wanted),
            version,
            fix=pip_install("--upgrade", f"torch{wanted}"),
        )


def wheel(nvidia: Nvidia) -> str:
    """The tag of the PyTorch wheels that fit this driver and all these GPUs; empty when the driver is too old."""
    driver = tuple(int(part) for part in nvidia.driver.split(".")[:2] if part.isdigit())
    fitting = next((tag for oldest, tag in _WHEELS if driver >= oldest), "")
    if fitting and any(gpu.capability < _OLD_GPUS for gpu in nvidia.gpus):
        return _WHEEL_OF_OLD_GPUS
    return fitting


def build_finding(build: Build, nvidia: Nvidia, environment: Mapping[str, str], nodes: list[str]) -> Finding:
    """Whether this build of torch uses the GPUs that NVML sees, and if not, why and what to do.

    environment: as ``os.environ``. nodes: device files that cannot be opened.
    """
    evidence = f"torch {build.version}, cuda {build.cuda or '-'}"
    if build.available:
        kind = f"ROCm {build.hip}" if build.hip else f"CUDA {build.cuda}"
        return Finding(
            "torch",
            "ok",
            _("PyTorch {version} uses the GPU with {kind}.").format(version=build.version, kind=kind),
            evidence,
        )
    if not nvidia.gpus:
        return Finding(
            "torch.no_gpu",
            "info",
            _("PyTorch {version} works, on the CPU: there is no GPU that it could use.").format(
                version=build.version
            ),
            f"{evidence}. {build.reason}",
        )
    return _unused(build, nvidia, environment, nodes, evidence)


def _unused(
    build: Build, nvidia: Nvidia, environment: Mapping[str, str], nodes: list[str], evidence: str
) -> Finding:
    """Why GPUs that are there are not used; the likeliest reason that the facts allow."""
    tag = wheel(nvidia)
    reinstall = pip_install("--force-reinstall", "torch", "--index-url", f"{INDEX}/{tag}") if tag else ""
    update = "sudo ubuntu-drivers install" if shutil.which("ubuntu-drivers") else ""
    values = {"gpu": nvidia.gpus[0].name, "driver": nvidia.driver, "cuda": build.cuda}
    evidence = f"{evidence}, driver {nvidia.driver}. {build.reason}".strip()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if not build.cuda:
        text = _("This PyTorch was built without CUDA, so it does not use the GPU ({gpu}).")
        return Finding("torch.cpu_build", "error", text.format(**values), evidence, reinstall or update)
    if visible is not None and visible.split(",")[0].strip() in ("", "-1", "NoDevFiles"):
        return Finding(
            "torch.hidden_gpus",
            "error",
            _("CUDA_VISIBLE_DEVICES='{value}' hides every GPU from PyTorch.").format(
                value=one_line(visible, 40)
            ),
            evidence,
            fix="unset CUDA_VISIBLE_DEVICES",
        )
    if int(build.cuda.partition(".")[0]) > nvidia.cuda[0]:
        text = _("The driver {driver} is too old for this PyTorch, which was built for CUDA {cuda}.")
        return Finding("torch.old_driver", "error", text.format(**values), evidence, reinstall or update)
    if nodes:
        return Finding(
            "torch.no_device_files",
            "error",
            _("The device files of the GPU cannot be opened: {nodes}.").format(nodes=", ".join(nodes)),
            evidence,
            fix="sudo nvidia-modprobe -c 0 -u",
        )
    text = _("PyTorch was built for CUDA {cuda}, but cannot use the GPU ({gpu}).")
    return Finding("torch.cuda_fails", "error", text.format(**values), evidence, reinstall or update)


def _device(index: int) -> Iterator[Finding]:
    """GPU ``index``, proven by a product, and whether it has bf16 of its own."""
    import torch

    name = torch.cuda.get_device_name(index)
    capability = torch.cuda.get_device_capability(index)
    title = f"torch.gpu.{index}"
    evidence = f"{name}, sm_{capability[0]}{capability[1]}"
    with torch.cuda.device(index):
        try:
            ones = torch.ones(64, 64, device="cuda")
            right = bool(((ones @ ones) == 64).all())
            reason = "" if right else _("the result is wrong")
        except RuntimeError as error:
            reason = one_line(str(error).partition("\n")[0], 120).rstrip(".")
        if reason:
            tag = wheel(look())
            yield Finding(
                title,
                "error",
                _("GPU {index} ({name}) does not compute: {reason}.").format(
                    index=index, name=name, reason=reason
                ),
                f"{evidence}; torch has {' '.join(torch.cuda.get_arch_list())}",
                fix=pip_install("--force-reinstall", "torch", "--index-url", f"{INDEX}/{tag}") if tag else "",
            )
            return
        yield Finding(
            title,
            "ok",
            _("GPU {index} ({name}, compute capability {major}.{minor}) computes.").format(
                index=index, name=name, major=capability[0], minor=capability[1]
            ),
            evidence,
        )
        # Emulated bf16 is slower than fp32; torch counts it as support unless told otherwise.
        if torch.cuda.is_bf16_supported(including_emulation=False):
            yield Finding(
                f"{title}.bf16", "ok", _("GPU {index} has bf16 of its own.").format(index=index), evidence
            )
        else:
            yield Finding(
                f"{title}.bf16",
                "info",
                _("GPU {index} has no bf16 of its own; training uses fp16 there.").format(index=index),
                evidence,
                fix="bf16: false",
            )
