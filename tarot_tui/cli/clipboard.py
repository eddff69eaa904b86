"""The clipboard of the terminal in front of the user, also through ssh: OSC 52."""

from __future__ import annotations

import base64

from tarot_tui.errors import BadInput
from tarot_tui.locale import _

#: What terminals take at most (xterm: 100 000 bytes of base64).
_MOST = 74_000


def copy(text: str) -> None:
    """Ask the terminal to copy ``text``; whether it did, no terminal says.

    Raises BadInput without a terminal, and for more than terminals take. (xterm's ctlseqs, "Operating System
    Commands", Ps = 5 2.)
    """
    data = text.encode("utf-8", "replace")
    if len(data) > _MOST:
        raise BadInput(_("This is too long for a terminal's clipboard: ask for fewer rows with -n."))
    try:
        with open("/dev/tty", "wb", buffering=0) as terminal:
            terminal.write(b"\x1b]52;c;" + base64.b64encode(data) + b"\x07")
    except OSError:
        raise BadInput(_("There is no terminal to copy to: leave out --copy.")) from None
