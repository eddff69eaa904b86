"""``tarot-tui ollama copy NAME NEW [--replace]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, say
from tarot_tui.errors import Refused
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("a model in Ollama"))
    parser.add_argument("new", metavar="NEW", help=_("its second name"))
    parser.add_argument(
        "--replace", action="store_true", default=False, help=_("replace a model of that name")
    )


def run(args: Namespace) -> int:
    """``--json``: name, copy."""
    from tarot_tui.serving.ollama import Ollama, full_name

    name, new = full_name(args.name), full_name(args.new)
    with Ollama(args.host) as ollama:
        if not args.replace and ollama.find(new):
            raise Refused(
                _("Ollama already has a model '{name}': pass --replace, or another name.").format(name=new)
            )
        ollama.copy(name, new)
    if args.json:
        emit({"name": name, "copy": new})
    say(args, _("'{name}' is also '{copy}' now.").format(name=name, copy=new))
    return 0
