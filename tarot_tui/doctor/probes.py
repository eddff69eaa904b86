"""What is checked, and which checks share a process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One question to this machine.

    name: also the first part of its findings' ids. function: ``module:function`` in this package, a generator
    of findings. required: whether training is impossible when it cannot be answered.
    """

    name: str
    function: str
    required: bool = False


@dataclass(frozen=True)
class Probe:
    """Checks that run one after the other in one child process, which may live ``seconds``: enough on a busy machine."""

    checks: tuple[Check, ...]
    seconds: float = 20

    @property
    def name(self) -> str:
        """What the child process is told to run."""
        return self.checks[0].name


PROBES = (
    # First, because importing torch takes longest; bitsandbytes imports it too, so the two share a process.
    Probe(
        (
            Check("torch", "torch_checks:check", required=True),
            Check("bitsandbytes", "bitsandbytes_check:check"),
        ),
        seconds=60,
    ),
    Probe(
        (
            Check("python", "machine:python", required=True),
            Check("machine", "machine:machine", required=True),
            Check("limits", "limits:check"),
            Check("session", "session:check"),
            Check("terminal", "terminal:check"),
        )
    ),
    Probe((Check("nvidia", "nvidia:check"), Check("gpu_state", "gpu_state:check"))),
    Probe((Check("extras", "extras:check"),)),
    Probe((Check("collective", "collective:check"),), seconds=60),
    Probe((Check("packages", "packages:check", required=True),)),
    Probe((Check("hub", "hub:check"),)),
    Probe((Check("ollama", "serving:ollama"),)),
)


def named(name: str) -> Probe:
    """The probe of that name. Raises KeyError."""
    return {probe.name: probe for probe in PROBES}[name]
