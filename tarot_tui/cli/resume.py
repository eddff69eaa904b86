"""``tarot-tui resume [RUN] [--set key=value]… [--follow]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.parallel import invite
from tarot_tui.cli.train import set_option
from tarot_tui.cli.watch import run_help
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project

if TYPE_CHECKING:
    from tarot_tui.training.parallel import Layout


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    set_option(parser)
    parser.add_argument("--follow", action="store_true", help=_("stay and show its log until it ends"))


def run(args: Namespace) -> int:
    """Start the run again where it left off; ``--json``: its name, state, attempt, and what was changed in its recipe."""
    from tarot_tui.jobs import control, follow
    from tarot_tui.jobs.find import resolve
    from tarot_tui.jobs.slurm import is_slurms

    project = project_of(args)
    folder = resolve(project, args.run)
    control.check_resumable(folder)
    changed = _take_changes(args, project, folder)
    found = control.resume(folder)
    if is_slurms(folder):
        say(args, _("{name} waits in Slurm again. {reason}").format(name=folder.name, reason=found.reason))
    else:
        say(args, _("{name} goes on; watch it with: tarot-tui watch {name}").format(name=folder.name))
        invite(args, folder, _parallel(folder))
    code = 0
    if args.follow:
        found = follow.follow(folder, on_line=lambda line: say(args, line))
        say(args, follow.closing_words(folder, found))
        code = follow.exit_code(found)
    if args.json:
        emit({"name": folder.name, "state": found.state, "attempt": found.attempt, "changed": changed})
    return code


def _parallel(folder: Path) -> Layout:
    """On how many machines the run goes on."""
    from tarot_tui.jobs.spec import read_spec
    from tarot_tui.training.parallel import layout_of

    return layout_of(read_spec(folder).get("request") or {})


def _take_changes(args: Namespace, project: Project, folder: Path) -> list[dict[str, Any]]:
    """What the user changed in the recipe since the run began; said, and taken up where that is possible."""
    from tarot_tui.jobs.spec import kind_of
    from tarot_tui.training.ladder import RECIPE
    from tarot_tui.training.resume import apply, changes

    if kind_of(folder) != "train" or not (args.overrides or (folder / RECIPE).exists()):
        if args.overrides:
            raise BadInput(_("--set: {job} is not a training.").format(job=folder.name))
        return []
    found = changes(project, folder, args.overrides)
    if found:
        apply(project, folder, found, lambda line: say(args, line))
    say(args, *(change.sentence() for change in found))
    return [asdict(change) for change in found]
