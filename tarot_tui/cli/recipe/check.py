"""``tarot-tui recipe check [NAME] [--set key=value]…``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.cli.recipe.show import recipe_argument
from tarot_tui.cli.train import set_option
from tarot_tui.errors import BadInput
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    recipe_argument(parser)
    set_option(parser)


def run(args: Namespace) -> int:
    """Exit 2 when it is not valid; ``--json``: ``{"recipe", "valid", "findings"}``."""
    from tarot_tui.findings import has_errors
    from tarot_tui.training.recipe import find
    from tarot_tui.training.recipe_check import check_file

    project = project_of(args)
    path = find(project, args.recipe)
    found = check_file(project, path, args.overrides)
    valid = not has_errors(found)
    if args.json:
        emit(
            {
                "recipe": project.relative(path),
                "valid": valid,
                "findings": [finding.as_dict() for finding in found],
            }
        )
    say(args, *findings(found))
    if valid:
        say(
            args,
            _("{file} is a valid recipe. What it will do here: tarot-tui train {name} --dry-run").format(
                file=project.relative(path), name=path.stem
            ),
        )
    return 0 if valid else BadInput.exit_code
