"""``tarot-tui continue [RUN] [--set key=value]… [--name NAME] [--dry-run] [--follow] [--queue]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import project_of, say
from tarot_tui.cli.train import plan_and_start, set_option, start_options
from tarot_tui.cli.watch import run_help
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    set_option(parser)
    start_options(parser)
    parser.add_argument(
        "--name",
        metavar="NAME",
        help=_("name of the new recipe and its run (default: the run's, with -more)"),
    )


def run(args: Namespace) -> int:
    """Write a recipe that begins with the run's adapter, or its whole model, and train it as a new run. ``--json`` as for ``train``.

    The optimiser begins anew; to go on exactly where a run was stopped is what ``resume`` does.
    """
    from tarot_tui.export.launch import find_weights
    from tarot_tui.jobs.find import resolve, slug
    from tarot_tui.project import safe_name
    from tarot_tui.training.engines.choice import engine_of
    from tarot_tui.training.recipe import changed
    from tarot_tui.training.runs import continued, save_recipe

    project = project_of(args)
    folder = resolve(project, args.run, "train")
    name = safe_name(args.name or f"{slug(folder)}-more", _("recipe"))
    weights, step = find_weights(folder)
    recipe = changed(continued(project, folder, weights), args.overrides)
    if step is not None:
        say(
            args,
            _("{run} has not finished: its checkpoint of step {step} is the beginning.").format(
                run=folder.name, step=step
            ),
        )
    if not args.dry_run:
        path = save_recipe(project, recipe, name)
        name = path.stem
        say(args, _("The new recipe is {file}.").format(file=project.relative(path)))
    return plan_and_start(args, project, recipe, name, engine_of(folder))
