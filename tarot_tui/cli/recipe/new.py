"""``tarot-tui recipe new [--preset P] [-o NAME] [--set key=value]… [--replace]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.train import set_option
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--preset",
        default=None,
        metavar="P",
        help=_("begin with this one; 'tarot-tui recipe presets' lists them"),
    )
    output_options(parser, _("the new recipe's name (default: the preset's, or 'recipe')"))
    set_option(parser)


def output_options(parser: ArgumentParser, help: str) -> None:
    """``-o NAME`` and ``--replace``, for the verbs that write a recipe."""
    parser.add_argument("-o", dest="name", default=None, metavar="NAME", help=help)
    parser.add_argument(
        "--replace", action="store_true", default=False, help=_("write over a recipe of that name")
    )


def run(args: Namespace) -> int:
    """Write ``recipes/NAME.yaml``; ``--json``: ``{"recipe", "name"}``."""
    from tarot_tui.training.presets import blank, preset, with_values
    from tarot_tui.training.recipe import write

    project = project_of(args)
    begun = preset(args.preset) if args.preset else None
    text = begun.text if begun else blank(_dataset(project))
    name = args.name or (begun.name if begun else "recipe")
    path = write(project, name, with_values(text, args.overrides), replace=args.replace)
    say(
        args,
        _("The new recipe is {file}; edit it, then: tarot-tui train {name} --dry-run").format(
            file=project.relative(path), name=path.stem
        ),
    )
    if args.json:
        emit({"recipe": project.relative(path), "name": path.stem})
    return 0


def _dataset(project: Project) -> str:
    """The dataset that a new recipe is about: the first there is, else a name to fill in."""
    from tarot_tui.data.registry import read

    return next(iter(read(project)), "my-dataset")
