"""Step 1: what this machine can do."""

from __future__ import annotations

from collections import Counter

from tarot_tui.cli.output import findings
from tarot_tui.findings import Finding, has_errors
from tarot_tui.locale import _
from tarot_tui.plain import ask
from tarot_tui.plain.ask import tell
from tarot_tui.plain.wizard import do
from tarot_tui.project import Project
from tarot_tui.tui.steps import this_machine


def walk(project: Project) -> bool:
    """Check, say what was found as it is found, and offer to mend."""
    found = _checked(project)
    question = _("Install what is missing? You are shown what, and asked once more.")
    if has_errors(found) and _can_be_mended(found) and ask.yes(question, offered=True):
        do(project, ["doctor", "--fix"])
        found = _checked(project)
    if has_errors(found):
        tell(_("Mend what failed, then check again."))
        return False
    return True


def _checked(project: Project) -> list[Finding]:
    from tarot_tui.doctor.run import run

    tell(_("Checking, which takes some seconds …"))
    found = list(run(lambda finding: tell(*findings([finding])), folder=project.root))
    counts = Counter(finding.severity for finding in found)
    project.remember(
        "environment", {"machine": this_machine(), **{name: counts[name] for name in ("error", "warning")}}
    )
    return found


def _can_be_mended(found: list[Finding]) -> bool:
    from tarot_tui.doctor.mend import fixable

    return bool(fixable(found))


WALKS = {"environment": walk}
