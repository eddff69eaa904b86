"""The terminal that the screens are drawn on: colours, UTF-8, and whether a lost connection would take it along."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator, Mapping

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line


def check() -> Iterator[Finding]:
    """The terminal of this process."""
    yield from findings(os.environ, locale.getpreferredencoding(False))


def findings(environment: Mapping[str, str], encoding: str) -> Iterator[Finding]:
    """What ``environment`` and the text ``encoding`` of the locale say about the terminal."""
    term = environment.get("TERM", "")
    if encoding.upper().replace("-", "") != "UTF8":
        yield Finding(
            "terminal.encoding",
            "warning",
            _("The locale is {encoding}, not UTF-8: Chinese and frames come out wrong.").format(
                encoding=one_line(encoding, 30)
            ),
            encoding,
            fix="export LANG=C.UTF-8",
        )
    if term in ("", "dumb"):
        yield Finding(
            "terminal.dumb",
            "info",
            _("This is no terminal that can draw: the commands work, the screens do not."),
            f"TERM={term}",
            fix="export TERM=xterm-256color",
        )
        return
    colours = "truecolor" if environment.get("COLORTERM") in ("truecolor", "24bit") else term
    if environment.get("NO_COLOR"):
        colours = "NO_COLOR"
    inside = "tmux" if environment.get("TMUX") else "screen" if environment.get("STY") else ""
    yield Finding(
        "terminal",
        "ok",
        _("The terminal can draw ({what}).").format(what=", ".join(filter(None, (colours, inside)))),
        f"TERM={term} COLORTERM={environment.get('COLORTERM', '')}",
    )
