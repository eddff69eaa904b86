"""``tarot-tui recipe check [NAME] [--set key=value]…``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.plan_text import mending
from tarot_tui.cli.recipe.show import recipe_argument
from tarot_tui.cli.train import set_option, with_export
from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.findings import Finding
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    recipe_argument(parser)
    set_option(parser)
    # What mends it is shown as the command that plans it mended.
    parser.set_defaults(command="tarot-tui train", dry_run=True)


def run(args: Namespace) -> int:
    """All that a plan finds, without downloading or starting anything.

    Exit 2 when it is no valid recipe, 3 when it is one that would be refused; ``--json``: ``{"recipe", "valid",
    "refused", "findings"}``.
    """
    from tarot_tui.findings import has_errors
    from tarot_tui.training.recipe import find
    from tarot_tui.training.recipe_check import check_file

    project = project_of(args)
    path = find(project, args.recipe)
    args.recipe = args.recipe or path.stem
    found = check_file(project, path, args.overrides)
    valid = not has_errors(found)
    if valid:
        found += _planned(args, project, path)
    refused = valid and has_errors(found)
    if args.json:
        emit(
            {
                "recipe": project.relative(path),
                "valid": valid,
                "refused": refused,
                "findings": [finding.as_dict() for finding in found],
            }
        )
    say(args, *mending(args, found))
    if valid and not refused:
        say(
            args,
            _("{file} is a valid recipe. What it will do here: tarot-tui train {name} --dry-run").format(
                file=project.relative(path), name=path.stem
            ),
        )
    return Refused.exit_code if refused else 0 if valid else BadInput.exit_code


def _planned(args: Namespace, project: Project, path: Path) -> list[Finding]:
    """What the plan finds; why there is none, as a finding too."""
    from tarot_tui.findings import Finding
    from tarot_tui.training.base import only_local
    from tarot_tui.training.plan import plan_in_child
    from tarot_tui.training.recipe import load

    recipe = load(project, path, args.overrides)
    try:
        with only_local():
            return with_export(plan_in_child(project, recipe)).findings
    except Refused as error:
        return [Finding("plan.refused", "error", str(error))]
    except TarotError as error:
        # The recipe itself may be sound: its base is only not here.
        return [
            Finding("plan.impossible", "warning", _("Not looked into further: {reason}").format(reason=error))
        ]
