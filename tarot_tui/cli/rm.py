"""``tarot-tui rm RUN… [--yes]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.locale import _
from tarot_tui.text import size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help=_("a run's name, the beginning of it, or -1 for the latest")
    )
    parser.add_argument("--yes", action="store_true", help=_("do not ask"))


def run(args: Namespace) -> int:
    """Delete runs with all that is in them, after asking; ``--json``: ``{"removed", "bytes"}``."""
    from tarot_tui.export.making import forget
    from tarot_tui.jobs.find import resolve
    from tarot_tui.jobs.remove import check_removable, folder_size, remove

    project = project_of(args)
    folders = list(dict.fromkeys(resolve(project, ref) for ref in args.runs))
    for folder in folders:
        check_removable(project, folder)
    total = sum(map(folder_size, folders))
    names = ", ".join(folder.name for folder in folders)
    if not agreed(args, _("Delete {names} ({size}) for good?").format(names=names, size=size(total))):
        return 0
    for folder in folders:
        forget(project, folder)
        remove(project, folder)
        say(args, _("{name} is deleted.").format(name=folder.name))
    if args.json:
        emit({"removed": [folder.name for folder in folders], "bytes": total})
    return 0
