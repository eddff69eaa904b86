"""``tarot-tui engines check [llamafactory]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.engines.which import engine_argument
from tarot_tui.cli.output import emit, findings, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    engine_argument(parser)


def run(args: Namespace) -> int:
    """Import all of it, as a training would; exit 1 when it does not work. ``--json``: python, version, versions, findings."""
    from tarot_tui.findings import has_errors
    from tarot_tui.training.engines.llamafactory import environments

    environment = environments.current()
    say(args, _("Importing what {python} has …").format(python=environment.python))
    found = environments.check(environment)
    if args.json:
        emit(environment.as_dict() | {"findings": [one.as_dict() for one in found]})
    say(args, *findings(found))
    return 1 if has_errors(found) else 0
