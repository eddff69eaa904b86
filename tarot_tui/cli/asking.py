"""A question before something that cannot be undone."""

from __future__ import annotations

import sys
from argparse import Namespace

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.text import plain


def agreed(args: Namespace, question: str) -> bool:
    """Whether the user says yes to ``question``, or has said so with ``--yes``; only a plain yes counts.

    Raises Refused where nobody can be asked: a script must say ``--yes``.
    """
    if args.yes:
        return True
    if args.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(_("{question} Say --yes to do it without being asked.").format(question=question))
    print(plain(f"{question} [{_('y')}/{_('N')}] "), end="", flush=True, file=sys.stderr)
    try:
        answer = input().strip().casefold()
    except EOFError:
        answer = ""
    return answer in {"y", "yes", _("y").casefold()}
