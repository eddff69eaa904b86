"""bitsandbytes, proven by a product in 4 bits and one in 8: that it can be imported means little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tarot_tui.doctor import packages
from tarot_tui.doctor.fixes import pip_install
from tarot_tui.doctor.nvidia import look
from tarot_tui.findings import Finding, Severity
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: The largest relative error (Frobenius norm) of a product with NF4 weights that counts as right. Over 200 seeds it
#: was 0.07 to 0.12 for normal random matrices of this size, 0.09 on average, as NF4's own rounding makes it; a product
#: with wrong weights is off by 1 (all zero) to 1.4 (unrelated).
TOLERANCE = 0.2
#: The same for weights and inputs in 8 bits, over 200 seeds 0.006 to 0.008 (on a CPU).
TOLERANCE_8 = 0.05
_OUT, _IN = 128, 256
#: One row takes bitsandbytes' own kernel for generation, several take unpacking and a plain product.
_ROWS = (1, 16)


def check() -> Iterator[Finding]:
    """It computes in 4 bits, and in 8; or it is missing, or broken."""
    try:
        import torch  # noqa: F401
    except (ImportError, OSError):
        return  # said already, by the check before
    gpu = bool(look().gpus)
    installed = packages.version("bitsandbytes")
    if not installed:
        yield Finding(
            "bitsandbytes.missing",
            "warning",
            _("bitsandbytes is not installed: 4-bit training (quantization_bit: 4) will not work."),
            fix=pip_install("bitsandbytes"),
        )
        return
    severity: Severity = "error" if gpu else "warning"
    try:
        device, error = _product()
    except Exception as problem:
        yield broken(
            severity, installed, one_line(f"{type(problem).__name__}: {problem}", 120), repr(problem)
        )
        return
    found = judge(severity, installed, device, error)
    yield found
    if found.severity == "ok":
        yield _in_8_bits(installed)


def _in_8_bits(installed: str) -> Finding:
    try:
        device, error = _product_8()
    except Exception as problem:
        return broken_8(one_line(f"{type(problem).__name__}: {problem}", 120), repr(problem))
    return judge_8(installed, device, error)


def judge_8(installed: str, device: str, error: float) -> Finding:
    """What the relative ``error`` of an 8-bit product says."""
    evidence = f"bitsandbytes {installed}, {device}, int8, relative error {error:.3f}"
    if not error <= TOLERANCE_8:
        return broken_8(_("the result is wrong"), evidence)
    text = _("bitsandbytes computes in 8 bits, too.")
    return Finding("bitsandbytes.int8", "ok", text, evidence)


def broken_8(reason: str, evidence: str) -> Finding:
    """It computes in 4 bits and not in 8."""
    return Finding(
        "bitsandbytes.int8.broken",
        "warning",
        _("bitsandbytes does not compute in 8 bits: {reason}; quantization_bit: 4 works.").format(
            reason=reason.rstrip(".")
        ),
        one_line(evidence, 500),
        fix=pip_install("--upgrade", "--force-reinstall", "--no-deps", "bitsandbytes"),
    )


def judge(severity: Severity, installed: str, device: str, error: float) -> Finding:
    """What the relative ``error`` of a 4-bit product says; ``severity``: how bad it is when it is wrong."""
    evidence = f"bitsandbytes {installed}, {device}, nf4, relative error {error:.3f}"
    # Written so that NaN is wrong too.
    if not error <= TOLERANCE:
        return broken(severity, installed, _("a 4-bit product is wrong"), evidence)
    return Finding(
        "bitsandbytes",
        "ok",
        _("bitsandbytes {version} computes in 4 bits on {device}.").format(
            version=installed, device=device.upper()
        ),
        evidence,
    )


def broken(severity: Severity, installed: str, reason: str, evidence: str) -> Finding:
    """It is there, but cannot be used."""
    return Finding(
        "bitsandbytes.broken",
        severity,
        _("bitsandbytes {version} does not work: {reason}; training without quantization_bit does.").format(
            version=installed, reason=reason.rstrip(".")
        ),
        one_line(evidence, 500),
        fix=pip_install("--upgrade", "--force-reinstall", "--no-deps", "bitsandbytes"),
    )


def _product() -> tuple[str, float]:
    """The device, and the worst relative error of random rows times random NF4 weights, against fp32."""
    import bitsandbytes
    import torch
    from bitsandbytes.functional import quantize_4bit

    device, dtype = _place()
    weights = torch.randn(_OUT, _IN, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(weights.to(device, dtype), blocksize=64, quant_type="nf4")
    return device, _worst_error(
        weights, lambda inputs: bitsandbytes.matmul_4bit(inputs, packed.t(), quant_state=state)
    )


def _product_8() -> tuple[str, float]:
    """The same with weights in 8 bits, as a model loaded with ``load_in_8bit`` has them."""
    import bitsandbytes
    import torch

    device, _dtype = _place()
    weights = torch.randn(_OUT, _IN, generator=torch.Generator().manual_seed(0))
    layer = bitsandbytes.nn.Linear8bitLt(_IN, _OUT, bias=False, has_fp16_weights=False, threshold=6.0)
    layer.load_state_dict({"weight": weights})
    layer.to(device)
    with torch.inference_mode():
        return device, _worst_error(weights, layer)


def _place() -> tuple[str, Any]:
    """The device, and the type to compute in: half precision on a GPU, which the kernel for one row is written for."""
    import torch

    return ("cuda", torch.float16) if torch.cuda.is_available() else ("cpu", torch.float32)


def _worst_error(weights: Any, product: Callable[[Any], Any]) -> float:
    """How far ``product`` of random rows is from that with ``weights`` in fp32, relative, at the worst."""
    import torch

    device, dtype = _place()
    generator = torch.Generator().manual_seed(1)
    errors = []
    for rows in _ROWS:
        inputs = torch.randn(rows, _IN, generator=generator)
        expected = inputs @ weights.t()
        found = product(inputs.to(device, dtype)).float().cpu()
        errors.append(((found - expected).norm() / expected.norm()).item())
    # max() would drop a NaN that comes first.
    return next((error for error in errors if error != error), max(errors))
