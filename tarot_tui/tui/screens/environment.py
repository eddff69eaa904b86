"""Step 1: what this machine can do, proven; the findings come in while the checks run, and f mends what it can."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.widget import Widget

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding, has_errors
from tarot_tui.jobs.status import Status
from tarot_tui.locale import N_, _
from tarot_tui.tui import commands
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.steps import this_machine
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.finding_list import FindingList

if TYPE_CHECKING:
    from tarot_tui.tui.widgets.run_view import RunView


class EnvironmentScreen(StepScreen):
    """Runs the doctor's checks once per session, and again on ``c``."""

    STEP = "environment"
    KEYS = table(
        "environment",
        Key("f", "f", "fix", N_("mend"), N_("Run the fixes that install packages, then check again.")),
        Key(
            "h",
            "h",
            "login",
            N_("hub account"),
            N_("Log in to the Hugging Face hub, for models that are gated."),
            quiet=True,
        ),
        Key("c", "c", "check", N_("check again"), N_("Run all checks again."), quiet=True),
    )
    BINDINGS = bindings(KEYS)
    FIELDS = {
        "findings": N_(
            "What was found out about this machine, the worst first. Enter unfolds a finding: evidence and fix."
        )
    }

    class Found(Message):
        """One check has ended."""

        def __init__(self, finding: Finding) -> None:
            super().__init__()
            self.finding = finding

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.findings: list[Finding] = []
        self._checked = False

    def is_possible(self, verb: str) -> bool:
        """Mending, where something was found that packages mend."""
        return bool(self.findings and self._fixes()) if verb == "fix" else super().is_possible(verb)

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
        if (view := self._view()) and view.display and view.status and view.status.alive:
            return  # what is being mended is checked when it is done
        self._show_job(None)
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
            if self._fixes():
                self.offer(_("Mend it…"), self.action_fix)
            else:
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

    # ---- mending

    def _fixes(self) -> list[Any]:
        from tarot_tui.doctor.mend import fixable

        return fixable(self.findings)

    def action_fix(self) -> None:
        """Say what would be run, ask, and run it as a job."""
        from tarot_tui.doctor.mend import refuse_foreign

        fixes = self._fixes()
        if not fixes:
            self.say(_("Nothing here can be mended by installing packages: enter shows what to do by hand."))
            return
        try:
            refuse_foreign()
        except TarotError as error:
            self.failed(str(error))
            return
        commands_ = "\n".join(shlex.join(("pip", *fix.argv[3:])) for fix in fixes)
        self.app.push_screen(
            Confirm(_("Install these into {folder}?").format(folder=_environment()), commands_, _("Install")),
            lambda sure: self._mend(fixes) if sure else None,
        )

    def action_login(self) -> None:
        """The account on the hub; then what it may do is asked again."""
        from tarot_tui.tui.screens.login import LoginScreen

        self.app.push_screen(
            LoginScreen(self.project), lambda changed: self.action_check() if changed else None
        )

    def _mend(self, fixes: list[Any]) -> None:
        self.offer(_("Starting…"), None)
        self.in_background(self._mended(fixes), "mend")

    async def _mended(self, fixes: list[Any]) -> None:
        from tarot_tui.setup.commands import Command
        from tarot_tui.setup.launch import launch

        wanted = [Command(f"fix-{n}", fix.title, fix.argv) for n, fix in enumerate(fixes, 1)]
        folder = await in_daemon(partial(launch, self.project, "fix", _("mend the environment"), wanted))
        self._show_job(folder)
        self.say(_("The installation goes on without this screen."))
        self.offer(_("Installing…"), None)

    def on_run_view_changed(self, event: RunView.Changed) -> None:
        """The installation ended: what is true now?"""
        found: Status = event.status
        if not found.alive:
            self._show_job(None)
            self.action_check()
            if found.state != "finished":
                self.failed(found.reason)

    def _show_job(self, folder: Path | None) -> None:
        view = self._view()
        if folder and view is None:
            from tarot_tui.tui.widgets.run_view import RunView

            self.query_one("#body").mount(RunView(folder, kind=""))
        elif folder and view:
            view.show(folder)
        elif view:
            view.remove()
        self.query_one(FindingList).display = folder is None

    def _view(self) -> RunView | None:
        found = self.query("RunView")
        return found.first() if found else None


def _environment() -> str:
    from tarot_tui.project import worker_python

    return str(Path(worker_python()).parents[1])
