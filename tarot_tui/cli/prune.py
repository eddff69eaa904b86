"""``tarot-tui prune [RUN…] [--yes]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _
from tarot_tui.text import size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=_("a run's name, the beginning of it, or -1 for the latest (default: all that have ended)"),
    )
    parser.add_argument("--yes", action="store_true", help=_("do not ask"))


def run(args: Namespace) -> int:
    """Delete checkpoints but the last complete one and the best; ``--json``: ``{"removed", "bytes"}``, paths and sum."""
    from tarot_tui.training.prune import checkpoints, prune

    project = project_of(args)
    folders = _runs(args)
    doomed = [one for folder in folders for one in checkpoints(folder) if not one.kept]
    total = sum(one.bytes for one in doomed)
    if not doomed:
        say(args, _("No checkpoint can go: the last complete one of a run and the best are kept."))
    for one in doomed:
        say(args, f"  {project.relative(one.path)}  {size(one.bytes)}")
    question = _("Delete these {count} checkpoints ({size}) for good?")
    if doomed and not agreed(args, question.format(count=len(doomed), size=size(total))):
        return 0
    for folder in folders:
        prune(folder)
    if doomed:
        say(args, _("{size} freed.").format(size=size(total)))
    if args.json:
        emit({"removed": [project.relative(one.path) for one in doomed], "bytes": total})
    return 0


def _runs(args: Namespace) -> list[Path]:
    from tarot_tui.jobs import status
    from tarot_tui.jobs.find import all_jobs, resolve

    project = project_of(args)
    if args.runs:
        return list(dict.fromkeys(resolve(project, ref, "train") for ref in args.runs))
    seen = [(folder, status.read(folder)) for folder in all_jobs(project, "train")]
    return [folder for folder, found in seen if not found.alive and found.cause != "silent"]
