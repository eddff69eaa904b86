"""``tarot-tui recipe show [NAME] [--set key=value]… [--as llamafactory]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of
from tarot_tui.cli.plan_text import wrapped
from tarot_tui.cli.train import set_option
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.project import Project
    from tarot_tui.training.recipe import Recipe


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    recipe_argument(parser)
    set_option(parser)
    parser.add_argument(
        "--as",
        dest="form",
        choices=["llamafactory"],
        default=None,
        help=_("print the YAML that LLaMA-Factory reads"),
    )


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
    """Print each value in force and what it does; ``--json``: an object of key → value, default, given, help.

    With ``--as llamafactory`` its YAML, or with ``--json`` too ``{"args", "findings"}``.
    """
    from tarot_tui.training.presets import shown
    from tarot_tui.training.recipe import fields, find, load

    project = project_of(args)
    path = find(project, args.recipe)
    recipe = load(project, path, args.overrides)
    if args.form:
        return _as_llamafactory(args, project, recipe, path.stem)
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
        given = "" if field.name in recipe.model_fields_set else "  # " + _("as it is anyway")
        print(f"{field.name}: {shown(getattr(recipe, field.name))}".rstrip() + given)
        print("\n".join(f"      {line}" for line in wrapped(field.help, 74)))
    return 0


def _as_llamafactory(args: Namespace, project: Project, recipe: Recipe, name: str) -> int:
    from tarot_tui.training.device import choose, precision
    from tarot_tui.training.llamafactory_yaml import as_yaml, translate

    # It computes in fp32 unless told, so what this machine would compute in is written down; on a CPU it refuses bf16.
    device = choose()
    kind = "fp32" if device.kind == "cpu" and recipe.bf16 is None else precision(recipe, device)
    found = translate(project, recipe, kind, project.root.resolve() / "saves" / name)
    if args.json:
        emit({"args": found.args, "findings": [finding.as_dict() for finding in found.findings]})
    else:
        print(as_yaml(found), end="")
    return 0
