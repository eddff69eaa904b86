"""``tarot-tui ollama check NAME [--as NAME]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model of this project"))
    parser.add_argument(
        "--as", dest="there", default=None, metavar="NAME", help=_("its name in Ollama (default: the same)")
    )


def run(args: Namespace) -> int:
    """Compare the prompts once more. ``--json``: name, url, version, findings."""
    from tarot_tui.export.release import read_release
    from tarot_tui.serving.importing import prove
    from tarot_tui.serving.ollama import Ollama, full_name

    release = read_release(project_of(args), args.name)
    name = full_name(args.there or args.name)
    with Ollama(args.host) as ollama:
        version = ollama.version()
        found = prove(ollama, release, name)
    if args.json:
        emit(
            {
                "name": name,
                "url": ollama.url,
                "version": version,
                "findings": [one.as_dict() for one in found],
            }
        )
    say(args, *findings(found))
    return 0
