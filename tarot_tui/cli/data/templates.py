"""``tarot-tui data templates [--copy NAME [--as NEW]]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say, table
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import plain


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--copy",
        default=None,
        metavar="NAME",
        help=_("copy this one into the project's templates, to change it"),
    )
    parser.add_argument(
        "--as", default=None, dest="to", metavar="NEW", help=_("with --copy: under this name")
    )


def run(args: Namespace) -> int:
    """``--json``: a list of objects with name and about; with ``--copy``: name and path."""
    from tarot_tui.data import ready

    if args.to and not args.copy:
        raise BadInput(_("--as goes with --copy."))
    if args.copy:
        project = project_of(args)
        path = ready.copy(project, args.copy, args.to)
        if args.json:
            emit({"name": path.stem, "path": project.relative(path)})
            return 0
        command = f"tarot-tui data build SRC -o NAME --template {shlex.quote(path.stem)}"
        say(args, _("Copied to {file}.").format(file=project.relative(path)))
        say(args, _("next: {command}").format(command=command))
        return 0
    found = ready.ready()
    if args.json:
        emit([{"name": one.name, "about": one.about} for one in found])
        return 0
    for line in table([(one.name, one.about) for one in found], (_("name"), _("what it makes"))):
        print(plain(line))
    return 0
