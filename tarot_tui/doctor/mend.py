"""Which of the findings' fixes can be run here as they are, and where that would be somebody else's business."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.doctor import fixes
from tarot_tui.doctor.probes import PROBES, Probe
from tarot_tui.errors import Refused
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import worker_python

#: The only programs that a fix may start by itself; everything else (sudo, systemctl, curl …) is for people.
_PROGRAMS = ("pip", "pip3", "uv", "python", "python3")


@dataclass(frozen=True)
class Fix:
    """One command that mends the findings ``ids``; ``argv`` can be run as it is. title: what is wrong, in a sentence."""

    ids: tuple[str, ...]
    title: str
    argv: tuple[str, ...]


def fixable(findings: list[Finding]) -> list[Fix]:
    """The fixes that install packages into this very Python, each command once, errors first."""
    found: dict[tuple[str, ...], Fix] = {}
    for finding in sorted(findings, key=lambda one: one.severity != "error"):
        if finding.severity not in ("error", "warning"):
            continue
        argv = runnable(finding.fix)
        if argv is None:
            continue
        before = found.get(argv)
        ids = (*before.ids, finding.id) if before else (finding.id,)
        found[argv] = Fix(ids, before.title if before else finding.text, argv)
    return list(found.values())


def runnable(fix: str) -> tuple[str, ...] | None:
    """The words of a fix that is one ``pip install`` for this Python; None for all that is more, or less."""
    try:
        words = shlex.split(fix)
    except ValueError:
        return None
    if not words or any(word in ("&&", "||", ";", "|", "sudo") for word in words):
        return None
    program = Path(words[0]).name
    if program not in _PROGRAMS and words[0] != worker_python():
        return None
    if "install" not in words or "pip" not in (program, *words[1:4]) and program != "pip3":
        return None
    if program in ("pip", "pip3"):
        # Whatever PATH says by the time it runs: the pip of the Python that was checked.
        words = [worker_python(), "-m", "pip", *words[1:]]
    return tuple(words)


def refuse_foreign() -> None:
    """Raise Refused where packages are not ours to change: the system's Python, or an environment of another user."""
    prefix = _prefix()
    if prefix == Path(sys.prefix) and fixes.is_system_python():
        raise Refused(
            _(
                "This is the system's own Python, which stays as it is: 'tarot-tui setup' makes one of your own."
            )
        )
    if not os.access(prefix, os.W_OK):
        raise Refused(
            _(
                "The environment {folder} is not yours to change: 'tarot-tui setup' makes one of your own."
            ).format(folder=prefix)
        )


def is_shared() -> bool:
    """Whether other programs live in this environment too, so that a change may break them: conda's base."""
    return (_prefix() / "conda-meta").is_dir() and (_prefix() / "condabin").is_dir()


def _prefix() -> Path:
    """The folder of the environment that was checked."""
    python = worker_python()
    return Path(sys.prefix) if python == sys.executable else Path(python).parents[1]


def probes_of(fixed: list[Fix]) -> list[Probe]:
    """The probes to run again after these fixes: those whose findings they mend, and torch's, on which others stand."""
    names = {id.partition(".")[0] for fix in fixed for id in fix.ids}
    return [probe for probe in PROBES if names & {check.name for check in probe.checks}]
