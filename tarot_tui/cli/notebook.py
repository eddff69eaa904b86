"""``tarot-tui notebook [RECIPE] [-o FILE] [--quant TYPES]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _
from tarot_tui.text import size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "recipe",
        nargs="?",
        metavar="RECIPE",
        help=_("a name in recipes/, or a file (default: the only one there)"),
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help=_("the notebook (default: RECIPE.ipynb here)")
    )
    parser.add_argument("--quant", default="", metavar="TYPES", help=_("which GGUF files to make there"))
    parser.add_argument("--replace", action="store_true", help=_("replace a file of that name"))


def run(args: Namespace) -> int:
    """Write it, and say how to use it. ``--json``: file, bytes."""
    from tarot_tui.export.launch import check_quants
    from tarot_tui.notebook.write import write
    from tarot_tui.training.recipe import find

    project = project_of(args)
    recipe = find(project, args.recipe)
    to = args.output or Path(f"{recipe.stem}.ipynb")
    quant = ",".join(check_quants(args.quant.split(","))) if args.quant else ""
    bytes_ = write(project, recipe, to, quant=quant, replace=args.replace)
    if args.json:
        emit({"file": str(to), "bytes": bytes_})
        return 0
    say(
        args,
        _("{file}, {size}, with the data of the recipe inside.").format(file=to, size=size(bytes_)),
        _("Colab: colab.research.google.com > Upload. Kaggle: kaggle.com/code > New notebook > Import."),
        _("Choose a GPU there, then run all cells; run them all again after a disconnect."),
    )
    return 0
