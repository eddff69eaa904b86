"""``tarot-tui doctor``"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, findings, project_of
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, has_errors
from tarot_tui.locale import _
from tarot_tui.text import plain


def arguments(parser: ArgumentParser) -> None:
    """The verb has only the options that every verb has."""


def run(args: Namespace) -> int:
    """Check this machine; needs no project. Returns 1 when something that training needs has failed.

    ``--json``: ``{"ok": bool, "findings": [{"id", "severity", "text", "evidence", "fix"}, …]}``; ok: no finding is
    an error; severity: ``error``, ``warning``, ``info`` or ``ok``; evidence and fix may be empty. ``--quiet``: only
    what failed and what is worth a look.
    """
    from tarot_tui.doctor.run import run as check

    # On a terminal each finding as it comes; in a file, worst first.
    live = sys.stdout.isatty() and not args.json
    found = check(lambda finding: _show(args, [finding]) if live else None, folder=_folder(args))
    if args.json:
        emit({"ok": not has_errors(found), "findings": [finding.as_dict() for finding in found]})
        return int(has_errors(found))
    if not live:
        _show(args, found)
    if not args.quiet:
        print("\n" + closing(found))
    return int(has_errors(found))


def _folder(args: Namespace) -> Path | None:
    try:
        return project_of(args).root
    except BadInput:
        if args.project:
            raise
        return None


def _show(args: Namespace, found: list[Finding]) -> None:
    kept = [finding for finding in found if not args.quiet or finding.severity in ("error", "warning")]
    for line in findings(kept):
        print(plain(line), flush=True)


def closing(found: list[Finding]) -> str:
    """One sentence that sums up: whether this machine can train, and how much there is to look at."""
    failed = sum(finding.severity == "error" for finding in found)
    noted = sum(finding.severity == "warning" for finding in found)
    if failed:
        return _("This machine cannot train yet: {failed} failed, {noted} worth a look.").format(
            failed=failed, noted=noted
        )
    if noted:
        return _("This machine can train; {noted} worth a look.").format(noted=noted)
    return _("This machine can train.")
