"""``tarot-tui queue add RUN|RECIPE [--set key=value]… [--engine E] [--after RUN]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.train import engine_option, set_option
from tarot_tui.errors import BadInput
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "what_to_run",
        metavar="RUN|RECIPE",
        help=_("a run that was stopped, failed or got lost; or a recipe, for a new run"),
    )
    set_option(parser)
    engine_option(parser)
    parser.add_argument("--after", default=None, metavar="RUN", help=_("wait until that run has finished"))
    parser.add_argument("--no-run", action="store_true", default=False, help=_("only write it down"))


def run(args: Namespace) -> int:
    """Put it at the end of the queue, and see that somebody looks after the queue; ``--json``: the entry."""
    from dataclasses import asdict

    from tarot_tui.jobs import queue
    from tarot_tui.jobs.find import resolve

    project = project_of(args)
    after = resolve(project, args.after).name if args.after else None
    entry = queue.add(project, _job(args), after)
    if not args.no_run:
        queue.ensure_runner(project)
    say(args, _("{job} waits for its turn; 'tarot-tui queue' shows why.").format(job=entry.job))
    if args.json:
        emit(asdict(entry))
    return 0


def _job(args: Namespace) -> Path:
    """The run that is meant, or a new one of the recipe that is."""
    from tarot_tui.jobs.find import resolve
    from tarot_tui.training import recipe

    project = project_of(args)
    try:
        job = resolve(project, args.what_to_run)
    except BadInput as no_run:
        try:
            path = recipe.find(project, args.what_to_run)
        except BadInput:
            raise no_run from None
        return _new_run(args, project, path)
    if args.engine or args.overrides:
        raise BadInput(_("--engine and --set are for a recipe: {job} is a run.").format(job=job.name))
    return job


def _new_run(args: Namespace, project: Project, path: Path) -> Path:
    from tarot_tui.training import recipe
    from tarot_tui.training.engines.choice import make_with, plan_with

    wanted, engine = recipe.load(project, path, args.overrides), args.engine or "native"
    plan = plan_with(engine, project, wanted, lambda line: say(args, line)).once_free()
    return make_with(engine, project, wanted, plan, path.stem)
