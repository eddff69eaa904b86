"""What a recipe will really do here, computed beside the screen by the very command that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

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
    """Figures, then findings with their fixes."""

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

    def compose(self) -> ComposeResult:
        """Figures and findings."""
        yield Static(_("Plan"), classes="heading", markup=False)
        yield Static(id="figures", markup=False)
        yield FindingList(id="plan-findings")

    def compute(self, project: Project, argv: Sequence[str], more: Sequence[Finding] = ()) -> None:
        """Compute the plan of ``train … --dry-run`` after a short pause; an earlier computation is ended.

        more: findings to show with the plan's own.
        """
        self.say(_("computing…"))
        self.run_worker(self._compute(project, list(argv), list(more)), group="plan", exclusive=True)

    def nothing(self, sentence: str) -> None:
        """There is no plan, for this reason."""
        self.workers.cancel_group(self, "plan")
        self.query_one(FindingList).show([])
        self.say(sentence)

    def say(self, sentence: str) -> None:
        """A sentence in place of the figures."""
        self.query_one("#figures", Static).update(Content.styled(sentence, "$text-muted"))

    async def _compute(self, project: Project, argv: list[str], more: list[Finding]) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            plan = (await child.run(project, argv)).document
        except TarotError as error:
            self.query_one(FindingList).show([])
            self.query_one("#figures", Static).update(Content.styled(str(error), "$text-error"))
            self.post_message(self.Computed({}, good=False, problem=str(error)))
            return
        findings = [Finding(**found) for found in plan.get("findings", [])] + more
        self.query_one("#figures", Static).update(Content("\n".join(figures(plan))))
        self.query_one(FindingList).show(findings)
        self.post_message(self.Computed(plan, good=not has_errors(findings)))


def figures(plan: dict[str, Any]) -> list[str]:
    """The figures of a plan as short lines."""
    lines = [
        _("{steps} steps over {samples} samples").format(
            steps=_n(plan, "steps"), samples=_n(plan, "samples")
        ),
        _("{tokens} tokens, {supervised} of them learned").format(
            tokens=_n(plan, "tokens"), supervised=_n(plan, "supervised_tokens")
        ),
        _("{cut} answers cut off, {points} loss points, {checkpoints} checkpoints").format(
            cut=_n(plan, "answers_cut"), points=_n(plan, "loss_points"), checkpoints=_n(plan, "checkpoints")
        ),
        _("memory {memory}, disk {disk}").format(
            memory=size(plan.get("memory_bytes") or 0), disk=size(plan.get("disk_bytes") or 0)
        ),
    ]
    if seconds := plan.get("seconds_estimate"):
        lines.append(_("about {time}").format(time=duration(seconds)))
    return lines


def _n(plan: dict[str, Any], key: str) -> str:
    value = plan.get(key)
    value = len(value) if isinstance(value, list) else value
    return f"{value:,}" if isinstance(value, int) else "–"
