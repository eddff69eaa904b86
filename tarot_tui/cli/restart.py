"""``tarot-tui restart [RUN] [--set key=value]… [--dry-run] [--follow] [--queue]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import project_of
from tarot_tui.cli.train import plan_and_start, set_option, start_options
from tarot_tui.cli.watch import run_help


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    set_option(parser)
    start_options(parser)


def run(args: Namespace) -> int:
    """Train the run's recipe from the beginning as a new run; the old one stays. ``--json`` as for ``train``."""
    from tarot_tui.jobs.find import resolve, slug
    from tarot_tui.training.engines.choice import engine_of
    from tarot_tui.training.recipe import changed
    from tarot_tui.training.runs import recipe_of

    project = project_of(args)
    folder = resolve(project, args.run, "train")
    recipe = changed(recipe_of(folder), args.overrides)
    return plan_and_start(args, project, recipe, slug(folder), engine_of(folder))
