"""What a recipe will really do here, computed beside the screen by the very command that it shows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding, has_errors, worst_first
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, one_line, size
from tarot_tui.tui import child
from tarot_tui.tui.aligned import aligned
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
        self._shown: dict[str, tuple[str, str]] = {}

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
        if not self._shown:
            self.query_one("#figures", Static).update("")
        self._head(doing or _("computing…"))
        # A call, not a coroutine: one that is replaced before it began would be left unawaited.
        work = partial(self._compute, project, list(argv), list(more))
        self.run_worker(work, group="plan", exclusive=True)

    def nothing(self, sentence: str) -> None:
        """There is no plan, for this reason."""
        self.workers.cancel_group(self, "plan")
        self._shown = {}
        self._head()
        self.query_one(FindingList).show([])
        self.query_one("#figures", Static).update(Content.styled(sentence, "$text-muted"))

    def _mends(self, findings: list[Finding]) -> str:
        """What the key would do: on a low screen the finding itself may leave no room for it."""
        from tarot_tui.training.fixes import changes

        fixes = (one.fix for one in worst_first(findings) if changes(one.fix))
        first = next(fixes, "") if self._fix_key else ""
        return f"{self._fix_key}: {one_line(first, 60)}" if first else ""

    def _head(self, doing: str = "") -> None:
        words = Content(_("Plan")) + (Content.styled(f"  {doing}", "$text-muted not bold") if doing else "")
        self.query_one("#plan-heading", Static).update(words)

    async def _compute(self, project: Project, argv: list[str], more: list[Finding]) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            plan = (await child.run(project, argv)).document
        except TarotError as error:
            if self._is_left:
                return
            self.nothing("")
            self.query_one("#figures", Static).update(Content.styled(str(error), "$text-error"))
            self.post_message(self.Computed({}, good=False, problem=str(error)))
            return
        if self._is_left:
            return
        findings = [Finding(**found) for found in plan.get("findings", [])] + more
        self._head("  ".join(filter(None, (_verdict(findings), self._mends(findings)))))
        self._show(figures(plan))
        shown = self.query_one(FindingList)
        shown.show(findings)
        # On a low screen only what comes first is seen.
        self.move_child(shown, **{"before" if has_errors(findings) else "after": self.query_one("#figures")})
        self.post_message(self.Computed(plan, good=not has_errors(findings)))

    @property
    def _is_left(self) -> bool:
        """Whether the screen is being left: it loses its parts before its work is ended."""
        return not self.query("#plan-heading")

    def _show(self, found: dict[str, tuple[str, str]]) -> None:
        before, self._shown = self._shown, found
        rows = []
        for key, (value, more) in found.items():
            was, _more = before.get(key, (value, ""))
            line = Text.assemble((value, "bold" if was != value else ""), more)
            if was != value:
                line.append("  " + _("was {value}").format(value=was), "dim")
            rows.append((key, line))
        self.query_one("#figures", Static).update(aligned(rows))


def figures(plan: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The figures of a plan: by a short name each, what the recipe decides, and what else there is to say of it."""
    memory, device = plan["memory"], plan["device"]
    measured = _(", measured in {run}").format(run=memory["measured"]) if memory.get("measured") else ""
    return {
        _("steps"): (
            f"{plan['steps']:,}",
            _(" over {samples:,} samples, {warmup:,} to warm up").format(**plan),
        ),
        _("memory"): (
            _("{low} to {high}").format(low=size(memory["low"]), high=size(memory["high"])),
            _("; {free} free").format(free=size(device["free"])) + measured,
        ),
        _("time"): _time(plan),
        _("tokens"): (
            f"{plan['tokens_seen']:,}",
            _(" seen, {share:.0%} of them learned").format(
                share=plan["supervised_tokens"] / max(plan["tokens"], 1)
            ),
        ),
        _("cut off"): (
            _("{cut:,} answers, {truncated:,} samples").format(
                cut=plan["answers_cut"], truncated=plan["truncated"]
            ),
            "",
        ),
        _("curve"): (
            _("{loss} points, {measured} of the eval loss; {kept} checkpoints").format(
                loss=plan["loss_points"], measured=len(plan["evaluations"]), kept=len(plan["checkpoints"])
            ),
            "",
        ),
        _("disk"): (size(plan["disk_bytes"]), _("; {free} free").format(free=size(plan["disk_free"]))),
    }


def _time(plan: dict[str, Any]) -> tuple[str, str]:
    if not (seconds := plan.get("seconds_estimate")):
        return _("not known before a first run here"), ""
    return duration(seconds), _(", as fast as {run}").format(run=plan["seconds_from"])


def _verdict(findings: Sequence[Finding]) -> str:
    """How many findings forbid the start, and how many are to be looked at; empty when there are none."""
    count = Counter(one.severity for one in findings)
    said = []
    if errors := count["error"]:
        said.append(_("{errors} in the way").format(errors=errors))
    if warnings := count["warning"]:
        said.append(_("{warnings} to look at").format(warnings=warnings))
    return _(", ").join(said)
