"""What makes training faster or export richer where it is there: none of it is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tarot_tui.doctor import packages
from tarot_tui.doctor.fixes import pip_install
from tarot_tui.doctor.nvidia import Gpu, look
from tarot_tui.findings import Finding
from tarot_tui.locale import _

#: Ampere: the oldest GPUs that FlashAttention runs on.
_AMPERE = (8, 0)


def check() -> Iterator[Finding]:
    """Fast kernels, several GPUs, a compiler, llama.cpp's programs."""
    gpus = look().gpus
    yield from kernels(
        gpus, {name: packages.version(name) for name in ("flash-attn", "liger-kernel", "deepspeed")}
    )
    yield compiler(shutil.which("gcc") or shutil.which("cc") or "", bool(gpus))
    yield quantiser(_llama_quantize())


def kernels(gpus: tuple[Gpu, ...], versions: dict[str, str]) -> Iterator[Finding]:
    """FlashAttention, Liger, DeepSpeed. ``versions``: of what is installed, empty for what is not."""
    there = {name: version for name, version in versions.items() if version}
    if there:
        text = ", ".join(f"{name} {version}" for name, version in there.items())
        yield Finding("extras", "ok", _("Installed: {names}.").format(names=text), text)
    if not gpus:
        return
    old = [gpu for gpu in gpus if gpu.capability < _AMPERE]
    if versions.get("flash-attn") and old:
        yield Finding(
            "extras.flash_old_gpu",
            "warning",
            _("FlashAttention is installed and does not run on {gpu}, which is older than Ampere.").format(
                gpu=old[0].name
            ),
            fix="flash_attn: sdpa",
        )
    if not versions.get("liger-kernel"):
        yield Finding(
            "extras.liger",
            "info",
            _("Liger's kernels are not installed: with them a large vocabulary takes far less memory."),
            fix=pip_install("liger-kernel"),
        )
    if len(gpus) > 1 and not versions.get("deepspeed"):
        yield Finding(
            "extras.deepspeed",
            "info",
            _("DeepSpeed is not installed; several GPUs work without it (DDP, FSDP)."),
            fix=pip_install("deepspeed"),
        )


def compiler(path: str, gpu: bool) -> Finding:
    """Whether triton can compile its kernels, which it does when it runs."""
    if path:
        return Finding("extras.compiler", "ok", _("There is a C compiler: {path}.").format(path=path), path)
    return Finding(
        "extras.compiler",
        "warning" if gpu else "info",
        _("There is no C compiler: on a GPU triton needs one when it runs."),
        fix="sudo apt-get install gcc libc6-dev",
    )


def quantiser(path: str) -> Finding:
    """Whether llama.cpp's own program is there, which alone makes the IQ types."""
    if path:
        return Finding(
            "extras.llama_quantize", "ok", _("llama-quantize is there: {path}.").format(path=path), path
        )
    return Finding(
        "extras.llama_quantize",
        "info",
        _("llama-quantize is not here: export makes the K-quants itself, but not the IQ types."),
        fix="https://github.com/ggml-org/llama.cpp/releases",
    )


def _llama_quantize() -> str:
    # Ollama 0.30 and newer brings one, beside its other programs.
    if found := shutil.which("llama-quantize"):
        return found
    ollama = shutil.which("ollama")
    beside = Path(ollama).resolve().parents[1] / "lib/ollama/llama-quantize" if ollama else None
    return str(beside) if beside and beside.is_file() else ""
