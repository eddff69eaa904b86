"""``tarot-tui serve [DIR] [--port N]``: the wizard in a web browser"""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path

from tarot_tui.cli.output import emit, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options. There is none for another address than the loopback."""
    parser.add_argument(
        "dir", nargs="?", metavar="DIR", help=_("the project folder (default: the one you are in)")
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8000,
        metavar="N",
        help=_("on this machine; 0 for any (default: %(default)s)"),
    )


def run(args: Namespace) -> int:
    """Print the link and serve until interrupted. ``--json``: url, port."""
    if find_spec("textual_serve") is None:
        raise BadInput(_("The browser needs textual-serve: pip install 'tarot-tui[serve]'"))
    folder = Path(args.dir or args.project or Path.cwd()).expanduser().absolute()
    if not folder.is_dir():
        raise BadInput(_("{folder} is no folder.").format(folder=folder))
    os.chdir(folder)
    from tarot_tui.browser.server import WizardServer

    server = WizardServer(args.port)
    if args.json:
        emit({"url": server.url, "port": server.port})
    say(
        args,
        _("Open this link, which works once: {url}").format(url=server.url),
        _("From your own computer first: ssh -L {port}:127.0.0.1:{port} {host}").format(
            port=server.port, host=socket.gethostname()
        ),
        _("ctrl+c ends it; trainings and exports go on."),
    )
    server.serve()
    return 0
