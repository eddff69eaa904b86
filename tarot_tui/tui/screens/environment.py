"""Step 1: what this machine can do, proven; the findings come in while the checks run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from textual.message import Message
from textual.widget import Widget

from tarot_tui.findings import Finding, has_errors
from tarot_tui.locale import N_, _
from tarot_tui.tui import commands
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.steps import this_machine
from tarot_tui.tui.widgets.finding_list import FindingList


class EnvironmentScreen(StepScreen):
    """Runs the doctor's checks once per session, and again on ``c``."""

    STEP = "environment"
    KEYS = (Key("c", "c", "check", N_("check again"), N_("Run all checks again."), quiet=True),)
    BINDINGS = [binding for key in KEYS for binding in key.bindings()]

    class Found(Message):
        """One check has ended."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.findings: list[Finding] = []
        self._checked = False

    def body(self) -> Iterable[Widget]:
        """The findings."""
        yield FindingList(id="findings")

    def look(self) -> None:
        """Check when nothing has been checked yet; a check takes seconds, so never twice unasked."""
        self.show_command(commands.doctor())
        if not self._checked:
            self.action_check()

    def action_check(self) -> None:
        """Run all checks (again)."""
        self._checked = True
        self.findings = []
        self.query_one(FindingList).show([])
        self.say(_("Checking… you may go on meanwhile."))
        self.offer_next()
        self.in_background(self._check(), "check")

    async def _check(self) -> None:
        from tarot_tui.doctor.run import run

        found = await in_daemon(run, lambda finding: self.post_message(self.Found(finding)))
        self.findings = list(found)
        self._show()
        counts = Counter(finding.severity for finding in found)
        self.project.remember(
            "environment",
            {"machine": this_machine(), **{name: counts[name] for name in ("error", "warning")}},
        )
        self.refresh_rail()
        if has_errors(found):
            self.say(
                _("Mend what failed, then check again; n goes on without."),
                "error",
            )
            self.offer(_("Check again"), self.action_check)
        elif counts["warning"]:
            self.say(
                _("This machine can train. Have a look at the warnings: enter shows the fix."), "warning"
            )
        else:
            self.say(_("This machine can train."), "ok")

    def on_environment_screen_found(self, event: Found) -> None:
        """Show what has been found so far."""
        self.findings.append(event.finding)
        self._show()

    def _show(self) -> None:
        self.query_one(FindingList).show(self.findings)
