"""``tarot-tui data check NAME [--model M] [--cutoff-len N] [--eval NAME] [--fix [KIND…]]``"""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.findings import has_errors
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain

if TYPE_CHECKING:
    from tarot_tui.data.quality.check import Report
    from tarot_tui.data.quality.fixes import Fixed
    from tarot_tui.findings import Finding
    from tarot_tui.project import Project
    from tarot_tui.training.lengths import Lengths

#: Cells of the longest bar.
_BAR = 40
#: Numbers of samples that are printed in JSON.
_NUMBERS = 100_000


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "--model",
        default=None,
        metavar="M",
        help=_("also count tokens as this model does: a folder, or a name on the hub"),
    )
    parser.add_argument(
        "--cutoff-len",
        type=int,
        default=2048,
        metavar="N",
        help=_("tokens after which training cuts a sample (default: 2048)"),
    )
    parser.add_argument(
        "--eval",
        default="",
        metavar="NAME",
        dest="held_out",
        help=_("the dataset to measure on: what is in both is told"),
    )
    parser.add_argument(
        "--progress",
        action="store_true",
        default=False,
        help=_('say once a second how many samples were looked at; with --json as {"looked_at": N}'),
    )
    parser.add_argument(
        "--fix",
        nargs="*",
        default=None,
        metavar="KIND",
        help=_("fix these kinds of findings; without a kind, all where nothing of worth is lost"),
    )


def run(args: Namespace) -> int:
    """``--json``: the fields of ``quality.check.Report``, ``lengths`` (``training.lengths.Lengths`` or null), ``fixed``.

    Of the samples of a finding, the first 100,000 numbers are printed.
    """
    from tarot_tui.data.quality.check import check
    from tarot_tui.data.quality.fixes import fix

    if args.cutoff_len < 1:
        raise BadInput(_("--cutoff-len {count}: at least 1.").format(count=args.cutoff_len))
    project = project_of(args)
    progress = _Progress(args)
    report = check(project, args.name, args.held_out, progress)
    fixed = [] if args.fix is None else fix(project, report, args.fix)
    if fixed:
        report = check(project, args.name, args.held_out, progress)
    lengths = _lengths(project, args)
    found = [*report.findings, *(lengths.findings if lengths else [])]
    if args.json:
        told = {"findings": [_bounded(finding) for finding in found], "fixed": [vars(one) for one in fixed]}
        emit(report.as_dict() | told | {"lengths": lengths.as_dict() if lengths else None})
        return int(has_errors(found))
    say(args, *map(_done, fixed), *_about(report, lengths), "")
    say(args, *_told(found, args.name))
    return int(has_errors(found))


class _Progress:
    """Says how many samples were looked at, once a second, if that was asked for."""

    def __init__(self, args: Namespace) -> None:
        self.args = args
        self.next = time.monotonic() + 1

    def __call__(self, count: int) -> None:
        # The clock is asked now and then only: it would cost more than the look.
        if not self.args.progress or count % 100 or time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 1
        if self.args.json:
            emit({"looked_at": count})
        else:
            say(self.args, _("looked at {count:,} samples").format(count=count))


def _bounded(finding: Finding) -> dict[str, Any]:
    found = finding.as_dict()
    return found | ({"samples": found["samples"][:_NUMBERS]} if "samples" in found else {})


def _lengths(project: Project, args: Namespace) -> Lengths | None:
    if not args.model:
        return None
    from tarot_tui.training.lengths import measure_in_child

    return measure_in_child(project, args.name, args.model, args.cutoff_len, lambda line: say(args, line))


def _done(fixed: Fixed) -> str:
    text = (
        _("{kind}: dropped {count} samples of {name} (change {number}).")
        if fixed.dropped
        else _("{kind}: edited {count} samples of {name} (change {number}).")
    )
    return text.format(
        kind=fixed.id.removeprefix("data."),
        count=fixed.samples,
        name=one_line(fixed.dataset),
        number=fixed.change,
    )


def _about(report: Report, lengths: Lengths | None) -> list[str]:
    lines = [
        _("{samples:,} samples, {turns:,} answers").format(samples=report.samples, turns=report.turns),
    ]
    if report.dropped or report.edited:
        lines[0] += _("; {dropped} dropped, {edited} edited").format(
            dropped=report.dropped, edited=report.edited
        )
    if not lengths:
        return [*lines, _("Add --model to count tokens as your model does.")]
    return [
        *lines,
        _("tokens a sample: {p50:,} in the middle, 95 of 100 up to {p95:,}, at most {max:,}").format(
            **lengths.length
        ),
        _("learned: {supervised:,} of {tokens:,} tokens").format(
            supervised=lengths.supervised, tokens=lengths.tokens
        ),
        *lengths.bars(_BAR),
    ]


def _told(found: list[Finding], name: str) -> list[str]:
    if not found:
        return [_("Nothing to mend.")]
    import shlex
    from dataclasses import replace

    command = f"tarot-tui data check {shlex.quote(name)} "
    whole = [replace(one, fix=command + one.fix) if one.fix.startswith("--fix ") else one for one in found]
    lines = []
    for finding in whole:
        lines += [plain(line) for line in findings([finding])]
        if finding.evidence:
            lines.insert(len(lines) - bool(finding.fix), f"      {finding.evidence}")
    return lines
