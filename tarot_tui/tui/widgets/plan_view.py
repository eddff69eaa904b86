"""What a recipe will really do here, computed beside the screen by the very command that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding, has_errors
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, size
from tarot_tui.tui import child
from tarot_tui.tui.widgets.finding_list import FindingList

#: Seconds without a key press before a plan is computed: it costs a process that reads the whole dataset.
_PAUSE = 0.6


class PlanView(Vertical):
    """Figures, then findings with their fixes. What a change of the recipe changed in the figures is marked."""

    DEFAULT_CSS = """
    PlanView { height: auto; }
    PlanView #figures { height: auto; }
    PlanView FindingList { height: auto; max-height: 100%; }
    """

    class Computed(Message):
        """The plan is there, or could not be made. ``good``: nothing in it forbids the start."""

        def __init__(self, plan: dict[str, Any], good: bool, problem: str = "") -> None:
            super().__init__()
            self.plan = plan
            self.good = good
            self.problem = problem

    def __init__(self, fix_key: str = "") -> None:
        """fix_key: see :class:`.finding_list.FindingList`."""
        super().__init__()
        self._fix_key = fix_key
        self._shown: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Figures and findings."""
        yield Static(_("Plan"), classes="heading", id="plan-heading", markup=False)
        yield Static(id="figures", markup=False)
        yield FindingList(id="plan-findings", fix_key=self._fix_key)

    def compute(
        self, project: Project, argv: Sequence[str], more: Sequence[Finding] = (), *, doing: str = ""
    ) -> None:
        """Compute the plan of ``train … --dry-run`` after a short pause; an earlier computation is ended.

        more: findings to show with the plan's own. doing: what to say meanwhile.
        """
        self._head(doing or _("computing…"))
        self.run_worker(self._compute(project, list(argv), list(more)), group="plan", exclusive=True)

    def nothing(self, sentence: str) -> None:
        """There is no plan, for this reason."""
        self.workers.cancel_group(self, "plan")
        self._shown = {}
        self._head()
        self.query_one(FindingList).show([])
        self.query_one("#figures", Static).update(Content.styled(sentence, "$text-muted"))

    def _head(self, doing: str = "") -> None:
        words = Content(_("Plan")) + (Content.styled(f"  {doing}", "$text-muted not bold") if doing else "")
        self.query_one("#plan-heading", Static).update(words)

    async def _compute(self, project: Project, argv: list[str], more: list[Finding]) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            plan = (await child.run(project, argv)).document
        except TarotError as error:
            self.nothing("")
            self.query_one("#figures", Static).update(Content.styled(str(error), "$text-error"))
            self.post_message(self.Computed({}, good=False, problem=str(error)))
            return
        findings = [Finding(**found) for found in plan.get("findings", [])] + more
        self._head(_verdict(findings))
        self._show(figures(plan))
        shown = self.query_one(FindingList)
        shown.show(findings)
        # On a low screen only what comes first is seen.
        self.move_child(shown, **{"before" if has_errors(findings) else "after": self.query_one("#figures")})
        self.post_message(self.Computed(plan, good=not has_errors(findings)))

    def _show(self, found: dict[str, str]) -> None:
        before, self._shown = self._shown, found
        width = max(map(cell_len, found), default=0)
        lines = []
        for key, value in found.items():
            was = before.get(key, value)
            line = Content.styled(set_cell_size(key, width + 2), "$text-muted")
            if was == value:
                line += Content(value)
            else:
                line += Content.styled(value, "bold") + Content.styled(
                    "  " + _("was {value}").format(value=was), "$text-muted"
                )
            lines.append(line)
        self.query_one("#figures", Static).update(Content("\n").join(lines))


def figures(plan: dict[str, Any]) -> dict[str, str]:
    """The figures of a plan: by a short name each, one short line."""
    memory, device = plan["memory"], plan["device"]
    found = {
        _("steps"): _("{steps:,} over {samples:,} samples, {warmup:,} to warm up").format(**plan),
        _("memory"): _("{low} to {high}; {free} free").format(
            low=size(memory["low"]), high=size(memory["high"]), free=size(device["free"])
        ),
        _("time"): _time(plan),
        _("tokens"): _("{tokens_seen:,} seen, {share:.0%} of them learned").format(
            tokens_seen=plan["tokens_seen"], share=plan["supervised_tokens"] / max(plan["tokens"], 1)
        ),
        _("cut off"): _("{cut:,} answers, {truncated:,} samples").format(
            cut=plan["answers_cut"], truncated=plan["truncated"]
        ),
        _("points"): _("{loss} of the loss, {measured} measured, {kept} checkpoints").format(
            loss=plan["loss_points"], measured=len(plan["evaluations"]), kept=len(plan["checkpoints"])
        ),
        _("disk"): _("{needed}; {free} free").format(
            needed=size(plan["disk_bytes"]), free=size(plan["disk_free"])
        ),
    }
    if memory.get("measured"):
        found[_("memory")] += "  " + _("(measured in {run})").format(run=memory["measured"])
    return found


def _time(plan: dict[str, Any]) -> str:
    if not (seconds := plan.get("seconds_estimate")):
        return _("not known before a first run here")
    return _("about {time}, as fast as {run}").format(time=duration(seconds), run=plan["seconds_from"])


def _verdict(findings: Sequence[Finding]) -> str:
    """How many findings forbid the start, and how many are to be looked at; empty when there are none."""
    errors = sum(one.severity == "error" for one in findings)
    warnings = sum(one.severity == "warning" for one in findings)
    if errors:
        return _("{errors} in the way, {warnings} to look at").format(errors=errors, warnings=warnings)
    return _("{warnings} to look at").format(warnings=warnings) if warnings else ""
