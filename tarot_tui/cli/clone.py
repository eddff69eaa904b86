"""``tarot-tui clone [RUN] [NAME] [--set key=value]… [--edit]``"""

from __future__ import annotations

import os
import shlex
import subprocess
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.train import set_option
from tarot_tui.cli.watch import run_help
from tarot_tui.errors import BadInput
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=_("the new recipe's name (default: the run's)")
    )
    set_option(parser)
    parser.add_argument("--edit", action="store_true", help=_("open it in your editor ($VISUAL or $EDITOR)"))


def run(args: Namespace) -> int:
    """Write the run's recipe as a new file in ``recipes/``; ``--json``: ``{"recipe", "name"}``."""
    from tarot_tui.jobs.find import resolve, slug
    from tarot_tui.project import safe_name
    from tarot_tui.training.recipe import changed, load
    from tarot_tui.training.runs import recipe_of, save_recipe

    project = project_of(args)
    folder = resolve(project, args.run, "train")
    name = safe_name(args.name, _("recipe")) if args.name else slug(folder)
    path = save_recipe(project, changed(recipe_of(folder), args.overrides), name)
    if args.edit:
        _edit(path)
        load(project, path)
    say(
        args,
        _("The new recipe is {file}; edit it, then: tarot-tui train {name}").format(
            file=project.relative(path), name=path.stem
        ),
    )
    if args.json:
        emit({"recipe": project.relative(path), "name": path.stem})
    return 0


def _edit(path: Path) -> None:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not editor:
        raise BadInput(_("No editor is set: set EDITOR, or edit {file} yourself.").format(file=path))
    try:
        subprocess.run([*editor, str(path)], check=False)
    except OSError as error:
        raise BadInput(
            _("'{program}' cannot be started: {reason}.").format(program=editor[0], reason=error.strerror)
        ) from None
