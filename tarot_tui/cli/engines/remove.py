"""``tarot-tui engines remove [llamafactory] [--yes]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.engines.which import engine_argument
from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    engine_argument(parser)
    parser.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def run(args: Namespace) -> int:
    """Delete what we installed; what the user had before is only no longer used. ``--json``: removed (folders)."""
    from tarot_tui.training.engines.llamafactory import environments

    installed = environments.installed()
    if not installed:
        environments.forget()
        say(args, _("Nothing was installed here; no environment is used any more."))
    else:
        names = ", ".join(str(folder) for folder in installed)
        if not agreed(args, _("Delete {folders}?").format(folders=names)):
            say(args, _("Nothing was deleted."))
            return 3
        environments.remove()
        say(args, _("Deleted: {folders}").format(folders=names))
    if args.json:
        emit({"removed": [str(folder) for folder in installed]})
    return 0
