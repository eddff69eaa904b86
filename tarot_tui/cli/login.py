"""``tarot-tui login [--browser | --status | --logout]``"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.hub.account import Account

_TOKENS = "https://huggingface.co/settings/tokens"


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options. There is none for the token: it would be in the list of processes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--browser", action="store_true", help=_("confirm a code in a browser, on any machine"))
    what.add_argument("--status", action="store_true", help=_("say whose token is in use and what it may do"))
    what.add_argument("--logout", action="store_true", help=_("remove the token from this machine"))


def run(args: Namespace) -> int:
    """Ask for a token without showing it, or read it from standard input.

    ``--json``: name, token_name, role, may_write, where; null when nobody is logged in.
    """
    from tarot_tui.hub.account import account, forget, login_with_browser, save

    if args.logout:
        return _logout(args, forget())
    if args.status:
        return _tell(args, account())
    if args.browser:
        return _tell(args, login_with_browser())
    return _tell(args, save(_token(args)))


def _token(args: Namespace) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.read()
    from getpass import getpass

    say(args, _("Make a token at {url} ('read' downloads, 'write' also publishes).").format(url=_TOKENS))
    return getpass(_("Paste it here (it is not shown): "))


def _tell(args: Namespace, found: Account | None) -> int:
    if args.json:
        emit(asdict(found) if found else None)
    elif found is None:
        say(args, _("Nobody is logged in: public models work, gated and private ones do not."))
    else:
        rights = (
            _("it may download and publish") if found.may_write else _("it may download, but not publish")
        )
        say(
            args,
            _("Logged in as {name}; {rights}.").format(name=found.name, rights=rights),
            _("The token is in {where}.").format(where=found.where),
        )
    return 0


def _logout(args: Namespace, variable: str | None) -> int:
    if args.json:
        emit(None)
    say(args, _("The token is removed from this machine."))
    if variable:
        say(
            args,
            _("{variable} is set in this shell and still holds one: unset {variable}").format(
                variable=variable
            ),
        )
    return 0
