"""``tarot-tui recipe show [NAME] [--set key=value]… [--as llamafactory]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of
from tarot_tui.cli.train import set_option, wrapped
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    recipe_argument(parser)
    set_option(parser)


def recipe_argument(parser: ArgumentParser) -> None:
    """The recipe that the verb is about."""
    parser.add_argument(
        "recipe",
        nargs="?",
        default=None,
        metavar="NAME",
        help=_("a name in recipes/, or a file (default: the only one there)"),
    )


def run(args: Namespace) -> int:
    """Print each value in force and what it does; ``--json``: an object of key → value, default, given, help."""
    from tarot_tui.training.presets import shown
    from tarot_tui.training.recipe import fields, find, load

    project = project_of(args)
    recipe = load(project, find(project, args.recipe), args.overrides)
    if args.json:
        emit(
            {
                field.name: {
                    "value": getattr(recipe, field.name),
                    "default": field.default,
                    "given": field.name in recipe.model_fields_set,
                    "help": field.help,
                }
                for field in fields()
            }
        )
        return 0
    for field in fields():
        given = "" if field.name in recipe.model_fields_set else f"  # {_('as it is anyway')}"
        print(f"{field.name}: {shown(getattr(recipe, field.name))}".rstrip() + given)
        print("\n".join(f"      {line}" for line in wrapped(field.help, 74)))
    return 0
