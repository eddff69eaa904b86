"""A finding: the one shape in which every check of ours speaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["ok", "info", "warning", "error"]

#: Worst first, the order in which findings are shown.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info", "ok")


@dataclass(frozen=True)
class Finding:
    """One thing a check has to say.

    id: stable, dotted, for scripts (``torch.cpu_build``).
    severity: ``error`` stops the work, ``warning`` does not, ``info`` and ``ok`` are for reading.
    text: one translated sentence.
    evidence: what was measured or read, verbatim and plain (no escape sequences).
    fix: a command to type or a recipe change such as ``cutoff_len: 512``; empty when there is nothing to do.
    """

    id: str
    severity: Severity
    text: str
    evidence: str = ""
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON-ready keys and values."""
        return asdict(self)


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Findings ordered errors, warnings, infos, oks; the order within each is kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def has_errors(findings: list[Finding]) -> bool:
    """Whether any finding forbids going on."""
    return any(finding.severity == "error" for finding in findings)
