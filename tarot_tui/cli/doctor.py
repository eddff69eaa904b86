"""``tarot-tui doctor [--fix] [--report]``"""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, findings, project_if_any, say
from tarot_tui.cli.progress import Progress
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding, has_errors
from tarot_tui.locale import _
from tarot_tui.text import plain

#: Of a pasted file, bytes that are looked at.
_MOST = 1 << 20


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "--fix", action="store_true", help=_("run the fixes that install packages, then check those again")
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help=_("print a text to paste into an issue, without your names and paths"),
    )
    parser.add_argument("-y", "--yes", action="store_true", help=_("with --fix: do not ask"))
    parser.add_argument(
        "--explain", metavar="FILE", help=_("say what the error in this file means ('-': paste it), and end")
    )


def run(args: Namespace) -> int:
    """Check this machine; needs no project. Returns 1 when something that training needs has failed.

    ``--json``: ``{"ok": bool, "findings": [{"id", "severity", "text", "evidence", "fix"}, …]}``; ok: no finding is
    an error; severity: ``error``, ``warning``, ``info`` or ``ok``; evidence and fix may be empty. ``--quiet``: only
    what failed and what is worth a look.
    """
    from tarot_tui.doctor.run import run as check

    if args.explain:
        return _explain(args)
    if args.report and args.json:
        raise BadInput(_("--report is for people, --json for scripts: say one of them."))
    # On a terminal each finding as it comes; in a file, worst first.
    live = sys.stdout.isatty() and not args.json and not args.report
    found = check(lambda finding: _show(args, [finding]) if live else None, folder=_folder(args))
    if args.report:
        from tarot_tui.doctor.report import report

        print(report(found), end="")
        return 0
    if args.fix:
        found = _fix(args, found)
    if args.json:
        emit({"ok": not has_errors(found), "findings": [finding.as_dict() for finding in found]})
        return int(has_errors(found))
    if not live:
        _show(args, found)
    if not args.quiet:
        print("\n" + closing(found))
    return int(has_errors(found))


def _explain(args: Namespace) -> int:
    """``--json``: one list of findings, empty when nothing is known of it."""
    from tarot_tui.doctor.known import explain

    found = explain(_pasted(args.explain))
    if args.json:
        emit([finding.as_dict() for finding in found])
    elif found:
        for line in findings(found):
            print(plain(line))
    else:
        say(args, _("Nothing in it is known to us; 'tarot-tui doctor' looks at the machine itself."))
    return 0


def _pasted(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    path = Path(file)
    try:
        # The end of a long log: what went wrong is there.
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - _MOST))
            return stream.read().decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None


def _fix(args: Namespace, found: list[Finding]) -> list[Finding]:
    """Run what can be run, check what it was for again, and return what is true now."""
    from tarot_tui.doctor.mend import fixable, is_shared, probes_of, refuse_foreign
    from tarot_tui.doctor.run import run as check
    from tarot_tui.jobs.follow import closing_words, follow
    from tarot_tui.setup.commands import Command
    from tarot_tui.setup.launch import launch

    wanted = fixable(found)
    if not wanted:
        say(args, _("Nothing here can be mended by installing packages."))
        return found
    refuse_foreign()
    for fix in wanted:
        say(args, f"  {fix.title}", f"    {shlex.join(fix.argv)}")
    if is_shared():
        say(args, _("This is conda's base environment: other programs may live in it too."))
    if not agreed(args, _("Run these?")):
        say(args, _("Nothing was changed."))
        return found
    commands = [Command(f"fix-{n}", fix.title, fix.argv) for n, fix in enumerate(wanted, 1)]
    job = launch(project_if_any(args), "fix", _("mend the environment"), commands)
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if ended.state != "finished":
        say(args, closing_words(job, ended), _("Its log: {file}").format(file=job / "log.txt"))
    again = probes_of(wanted)
    stale = {check.name for probe in again for check in probe.checks}
    kept = [finding for finding in found if finding.id.partition(".")[0] not in stale]
    return [*kept, *check(folder=_folder(args), probes=again)]


def _folder(args: Namespace) -> Path | None:
    project = project_if_any(args)
    return project.root if project else None


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
