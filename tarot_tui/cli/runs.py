"""``tarot-tui runs``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.locale import _
from tarot_tui.text import duration


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("--kind", metavar="KIND", help=_("only this kind of work, such as train or export"))


def run(args: Namespace) -> int:
    """List the project's runs, newest first; ``--json``: a list of snapshots."""
    from tarot_tui.jobs.find import all_jobs
    from tarot_tui.jobs.snapshot import snapshot

    project = project_of(args)
    found = [snapshot(folder) for folder in reversed(all_jobs(project, args.kind))]
    if args.json:
        emit([one.as_dict() for one in found])
    elif not found:
        say(args, _("No runs yet: 'tarot-tui train' starts one."))
    else:
        header = (_("name"), _("kind"), _("state"), _("done"), _("loss"), _("time"), _("title"))
        say(args, *table([_row(one) for one in found], header))
    return 0


def _row(one) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    from tarot_tui.jobs.control import named

    loss = one.metrics.get("loss")
    return (
        one.name,
        one.kind,
        named(one.status),
        done(one.status),
        f"{loss:.4f}" if isinstance(loss, int | float) else "–",
        _time(one),
        "" if one.title in one.name else one.title,
    )


def _time(one) -> str:  # type: ignore[no-untyped-def]
    if one.eta_seconds is not None:
        return _("{time} left").format(time=duration(one.eta_seconds))
    return "–" if one.elapsed is None else duration(one.elapsed)


def done(status) -> str:  # type: ignore[no-untyped-def]
    """Progress in few words: ``30/60``, ``41 %`` of bytes, or ``–``."""
    if status.step is None:
        return "–"
    if not status.total:
        return f"{status.step}"
    if status.unit == "bytes":
        return f"{100 * status.step // status.total} %"
    return f"{status.step}/{status.total}"


def clock(moment: float) -> str:
    """A moment as people read it, in local time."""
    return f"{datetime.fromtimestamp(moment):%Y-%m-%d %H:%M:%S}"
