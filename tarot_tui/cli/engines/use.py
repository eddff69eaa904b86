"""``tarot-tui engines use [llamafactory] PATH``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.engines.which import engine_argument
from tarot_tui.cli.output import emit, findings, say
from tarot_tui.errors import Refused
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    engine_argument(parser)
    parser.add_argument("path", type=Path, metavar="PATH", help=_("an environment, or its Python"))


def run(args: Namespace) -> int:
    """Take it into use if it works. ``--json``: python, version, versions, findings."""
    from tarot_tui.findings import has_errors
    from tarot_tui.training.engines.llamafactory import environments

    environment = environments.look(environments.python_of(args.path))
    found = environments.check(environment)
    if not has_errors(found):
        environments.use(environment)
    if args.json:
        emit(environment.as_dict() | {"findings": [one.as_dict() for one in found]})
    say(args, *findings(found))
    if has_errors(found):
        raise Refused(_("It is not taken into use: {reason}").format(reason=found[0].text))
    return 0
