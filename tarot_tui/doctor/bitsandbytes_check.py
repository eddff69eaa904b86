"""bitsandbytes, proven by a 4-bit product: that it can be imported means little."""

from __future__ import annotations

from collections.abc import Iterator

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
_OUT, _IN = 128, 256
#: One row takes bitsandbytes' own kernel for generation, several take unpacking and a plain product.
_ROWS = (1, 16)


def check() -> Iterator[Finding]:
    """One finding: it computes, it is missing, or it is broken."""
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
    yield judge(severity, installed, device, error)


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

    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(_OUT, _IN, generator=generator)
    # Half precision on a GPU: what a training computes in, and what the kernel for one row is written for.
    dtype = torch.float16 if device == "cuda" else torch.float32
    packed, state = quantize_4bit(weights.to(device, dtype), blocksize=64, quant_type="nf4")
    errors = []
    for rows in _ROWS:
        inputs = torch.randn(rows, _IN, generator=generator)
        expected = inputs @ weights.t()
        found = bitsandbytes.matmul_4bit(inputs.to(device, dtype), packed.t(), quant_state=state)
        errors.append(((found.float().cpu() - expected).norm() / expected.norm()).item())
    # max() would drop a NaN that comes first.
    return device, next((error for error in errors if error != error), max(errors))
