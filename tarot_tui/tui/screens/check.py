"""What is wrong with the samples of a dataset, and the fixes on a key."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tarot_tui.data import overlay
from tarot_tui.data.quality.kinds import SampleFinding
from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.project import Project
from tarot_tui.text import one_line, plain
from tarot_tui.training import child as tokenizing
from tarot_tui.training import lengths
from tarot_tui.training.lengths import Lengths
from tarot_tui.tui import child, commands
from tarot_tui.tui.asked import Asked
from tarot_tui.tui.background import in_daemon
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.likely_model import Likely, likely_model
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.finding_list import UNFOLD, FindingList
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.shell_line import ShellLine

_KEYS: tuple[Key, ...] = table(
    "check",
    Key("s", "s", "samples", N_("its samples"), N_("Page through the samples that the finding is about.")),
    Key("f", "f", "fix", N_("fix"), N_("Fix what the finding is about, as far as it can be fixed.")),
    Key("a", "a", "fix_all", N_("fix all"), N_("Fix everything where nothing of worth is lost.")),
    Key("u", "u", "undo", N_("undo"), N_("Take the latest change back.")),
    Key("y", "y", "copy", N_("copy"), N_("Copy the command that does the same from the shell.")),
    Key("question_mark,f1", "?", "help", N_("help"), N_("Show this help.")),
    Key("escape,q", "esc", "leave", N_("back"), N_("Go back to where you came from.")),
    Key("r", "r", "check", N_("check again"), N_("Look at all samples again."), quiet=True),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
)  # fmt: skip


class CheckScreen(LookScreen):
    """The findings, worst first. Dismissed with whether anything was changed."""

    AUTO_FOCUS = "FindingList"
    KEYS = (*_KEYS[:4], replace(UNFOLD, quiet=False), *_KEYS[4:])
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    CheckScreen #tokens, CheckScreen #found { padding: 0 1; }
    CheckScreen #tokens { height: auto; margin-bottom: 1; }
    CheckScreen #found { height: 1fr; }
    """

    def __init__(self, project: Project, name: str) -> None:
        super().__init__()
        self.project, self.dataset = project, name
        self._report: dict[str, Any] = {}
        self._lengths: Lengths | None = None
        self._likely: Likely | None = None
        self._counter = Asked(tokenizing.command(lengths.MODULE))
        self._changed = False

    def compose(self) -> ComposeResult:
        """How many, how long, what is wrong, the same from the shell, the keys."""
        yield Caption(_("Check of {name}").format(name=one_line(self.dataset, 40)))
        yield Static(id="tokens", markup=False)
        yield Vertical(FindingList(), id="found")
        yield Static(id="notice", markup=False)
        yield ShellLine(self.project.root)
        yield KeyLine(self.KEYS)

    def on_mount(self) -> None:
        """Look at the samples, and beside that count their tokens."""
        self.action_check()

    show_again = on_mount

    async def on_unmount(self) -> None:
        """Count no further."""
        await self._counter.close()

    # ---- looking

    def action_check(self) -> None:
        """Look at all samples, and count their tokens."""
        self.in_background(partial(self._run, []), "check")
        self.in_background(self._count, "count")

    async def _run(self, fix: list[str]) -> None:
        self.say(_("Fixing…") if fix else _("Looking at every sample…"))
        argv = commands.data_check(self.dataset, await self._held_out(), fix)
        report = (await child.run(self.project, [*argv, "--progress"], self._so_far)).document
        self._report = report
        fixed = report.get("fixed") or []
        self._changed |= bool(fixed)
        self._tell()
        if fixed:
            count = sum(one["samples"] for one in fixed)
            self.say(_("Mended {count} samples; u takes the latest back.").format(count=count))
            await self._count()
        else:
            self.say("" if not fix else _("There was nothing to mend without being asked; see each finding."))

    def _so_far(self, document: Any) -> None:
        if isinstance(document, dict) and "looked_at" in document:
            self.say(_("Looking at every sample: {count:,} so far…").format(count=document["looked_at"]))

    async def _held_out(self) -> Likely:
        """What is measured on, without the model: its tokens are counted beside this."""
        likely = await in_daemon(likely_model, self.project)
        return Likely("", 0, likely.held_out if likely else {})

    async def _count(self) -> None:
        self._likely = await in_daemon(likely_model, self.project)
        self._tell()
        if self._likely is None:
            self._tokens(
                _("Choose a recipe in the Parameters step, and tokens are counted as its model does.")
            )
            return
        self._tokens(_("Counting the tokens of {model}…").format(model=one_line(self._likely.model, 60)))
        request = {
            "project": str(self.project.root.resolve()),
            "name": self.dataset,
            "model": self._likely.model,
            "cutoff_len": self._likely.cutoff_len,
        }
        try:
            self._lengths = lengths.from_dict(await self._counter.ask(request))
        except TarotError as error:
            self._tokens(str(error))
            return
        self._tokens(_tokens(self._lengths, tall=self.size.height >= 36))
        self._tell()

    def _tell(self) -> None:
        report = self._report
        self.query_one(ShellLine).show(commands.data_check(self.dataset, self._likely))
        if not report:
            return
        found = [_finding(one) for one in report["findings"]] + (
            self._lengths.findings if self._lengths else []
        )
        if not found:
            found = [Finding("data.well", "ok", _("Nothing to mend."))]
        self.query_one(FindingList).show(found)
        right = _("{samples:,} samples, {turns:,} answers").format(**report)
        if report["dropped"] or report["edited"]:
            right += _("; {dropped} dropped, {edited} edited").format(**report)
        self.query_one(Caption).show([("", right)])
        self.refresh_bindings()

    def _tokens(self, words: str) -> None:
        self.query_one("#tokens", Static).update(Content.styled(plain(words), "$text-muted"))

    # ---- mending

    def is_possible(self, verb: str) -> bool:
        """Looking at samples and fixing them, where some are at fault; taking back, where something was changed."""
        faults = [one for one in self.query_one(FindingList).findings if isinstance(one, SampleFinding)]
        if verb == "undo":
            return bool(self._report.get("dropped") or self._report.get("edited"))
        if verb == "fix_all":
            return any(one.fixable == "safe" for one in faults)
        return bool(faults) if verb in ("samples", "fix") else True

    @property
    def _chosen(self) -> Finding | None:
        shown = self.query_one(FindingList)
        return None if shown.highlighted is None else shown.findings[shown.highlighted]

    def action_samples(self) -> None:
        """Page through the samples of the finding."""
        from tarot_tui.tui.screens.samples import SamplesScreen

        found = self._chosen
        if isinstance(found, SampleFinding) and found.samples:
            screen = SamplesScreen(self.project, found.dataset, found.samples, found.text)
            self.app.push_screen(screen, self._was_changed)
        else:
            self.say(_("This finding is about no samples."))

    def action_fix(self) -> None:
        """Fix what the finding is about."""
        found = self._chosen
        if isinstance(found, SampleFinding) and found.fixable != "none":
            self.in_background(partial(self._run, [found.id.removeprefix("data.")]), "check")
        elif found and found.fix:
            self.say(_("By hand: {fix}").format(fix=found.fix))
        else:
            self.say(_("There is nothing to fix here."))

    def action_fix_all(self) -> None:
        """Fix everything that is safe to fix."""
        safe = [one for one in self.query_one(FindingList).findings if getattr(one, "fixable", "") == "safe"]
        if safe:
            self.in_background(partial(self._run, [one.id.removeprefix("data.") for one in safe]), "check")
        else:
            self.say(_("Nothing is left that can be fixed without a choice of yours."))

    def action_undo(self) -> None:
        """Take the latest change back."""
        self.in_background(self._undo, "check")

    async def _undo(self) -> None:
        undone = await in_daemon(overlay.undo, self.project, self.dataset)
        if not undone:
            self.say(_("There is nothing to take back."))
            return
        self._changed = True
        await self._run([])
        self.say(_("Took back the change of {count} samples.").format(count=len(undone)))
        await self._count()

    def _was_changed(self, changed: bool | None) -> None:
        if changed:
            self._changed = True
            self.action_check()

    # ---- the rest

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(self._changed)


def _finding(found: dict[str, Any]) -> Finding:
    if "samples" not in found:
        return Finding(**found)
    finding = SampleFinding(**found)
    return finding if finding.fixable == "none" else replace(finding, fix=_("press f"))


def _tokens(found: Lengths, *, tall: bool) -> str:
    words = _("tokens a sample: {p50:,} in the middle, 95 of 100 up to {p95:,}, at most {max:,}").format(
        **found.length
    )
    learned = _("learned: {supervised:,} of {tokens:,} tokens").format(
        supervised=found.supervised, tokens=found.tokens
    )
    if tall:
        return "\n".join([words, learned, "", *found.bars(40)])
    last = found.histogram[-1][0] if found.histogram else 0
    return f"{words}\n{learned}   0 {found.spark()} {last:,}"
