"""The first picture of a start: what is known at once, drawn while Textual is still being read.

Most of a start is reading Textual's modules. So the terminal is taken before that, and shows what the first screen
begins with, in the cells and colours that it will have there: nothing moves when the rest arrives. Our driver then takes
the terminal over as it is; whatever ends the program before that gives the terminal back.

No Textual here.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tarot_tui import personal
from tarot_tui.tui.narrow import ambiguous_width, narrow
from tarot_tui.tui.theme_files import chosen_blindly, folders

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[0m\x1b[?25h\x1b[?1049l"
_GAP = re.compile(" {6,}")
#: Cells and lines of a terminal below which nothing is drawn; one that knows no size says 0.
_LEAST = 40, 8
_IN, _OUT = 0, 2  # where Textual reads keys and draws


class Look(NamedTuple):
    """How a piece of text looks. color, ground: names in a theme file."""

    color: str = "foreground"
    bold: bool = False
    ground: str = "background"


class Line(NamedTuple):
    """Pieces of text from one cell on, x and y counted from 0."""

    x: int
    y: int
    pieces: list[tuple[Look, str]]


#: Draws for a terminal of so many cells and lines.
Draw = Callable[[int, int], list[Line]]

#: The terminal's settings before it was taken; None while nobody or somebody else has it.
_before: list[Any] | None = None


@contextmanager
def first_frame(draw: Draw) -> Iterator[None]:
    """Show what ``draw`` returns until an app of ours takes the terminal, which is given back if none does."""
    try:
        if ours() and os.isatty(_IN) and os.isatty(_OUT):
            _show(draw)
        yield
    finally:
        give_back()


def ours() -> bool:
    """Whether our driver is going to draw, rather than Textual's (``TAROT_TUI_DRIVER=stock``) or a browser's."""
    return os.environ.get("TAROT_TUI_DRIVER") != "stock" and not os.environ.get("TEXTUAL_DRIVER")


def hand_over() -> list[Any] | None:
    """The terminal's settings before it was taken, for whoever has it from now on; None when it was not."""
    global _before
    before, _before = _before, None
    return before


def give_back() -> None:
    """Leave the terminal as it was found, unless it was handed over."""
    if before := hand_over():
        _write(_LEAVE)
        termios.tcsetattr(_IN, termios.TCSANOW, before)


def _show(draw: Draw) -> None:
    global _before
    width, height = os.get_terminal_size(_OUT)
    if width < _LEAST[0] or height < _LEAST[1] or not (lines := draw(width, height)):
        return
    _before = termios.tcgetattr(_IN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # politely ended, it gives the terminal back too
    termios.tcsetattr(_IN, termios.TCSANOW, _quiet(termios.tcgetattr(_IN)))
    _write(_ENTER + drawn(lines, os.environ))


def _quiet(settings: list[Any]) -> list[Any]:
    """Keys are neither shown nor changed, and wait for Textual. ctrl+c still ends us; ctrl+z would leave a mess."""
    settings[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    settings[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    settings[6][termios.VMIN], settings[6][termios.VSUSP] = 1, b"\0"
    return settings


def _write(text: str) -> None:
    data = text.encode("utf-8", "replace")
    while data:
        data = data[os.write(_OUT, data) :]


def drawn(lines: list[Line], environ: Mapping[str, str]) -> str:
    """What makes a terminal with these variables show ``lines``, and nothing else."""
    colors = _colors(environ)
    shown = narrow if ambiguous_width(environ) == "wide" else str
    worn = _codes(Look(), colors)
    erased = worn[-1]
    parts = [f"\x1b[0;{';'.join(worn)}m\x1b[2J"]
    for x, y, pieces in lines:
        parts.append(f"\x1b[{y + 1};{x + 1}H")
        for look, text in pieces:
            codes = _codes(look, colors)
            if new := [code for code, before in zip(codes, worn, strict=True) if code != before]:
                parts.append(f"\x1b[{';'.join(new)}m")
            text = shown(text)
            # What was just erased need not be sent again.
            parts.append(_GAP.sub(_skip, text) if codes[-1] == erased else text)
            worn = codes
    return "".join(parts)


def _skip(gap: re.Match[str]) -> str:
    return f"\x1b[{len(gap[0])}C"


def _codes(look: Look, colors: Mapping[str, str]) -> tuple[str, str, str]:
    """The SGR parameters for weight, colour and background; ``39`` and ``49`` are the terminal's own."""
    color, ground = colors.get(look.color) or colors.get("foreground"), colors.get(look.ground)
    return (
        "1" if look.bold else "22",
        f"38;2;{color}" if color else "39",
        f"48;2;{ground}" if ground else "49",
    )


def _colors(environ: Mapping[str, str]) -> dict[str, str]:
    """The theme's colours by name, as ``red;green;blue``; none where they would have to be approximated.

    What Textual derives is not known here: a theme of the user's that leaves it out begins with its foreground instead.
    """
    if "NO_COLOR" in environ or environ.get("COLORTERM") not in ("truecolor", "24bit"):
        return {}
    name = environ.get("TAROT_TUI_THEME") or personal.recall("theme") or chosen_blindly(environ)
    for folder in reversed(folders()):  # the user's own goes before ours of the same name
        try:
            theme = tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))
            named = theme["colors"] | theme.get("variables", {})
            return {key: rgb for key, value in named.items() if (rgb := _rgb(value))}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return {}


def _rgb(value: Any) -> str:
    try:
        return ";".join(map(str, bytes.fromhex(value.removeprefix("#")))) if len(value) == 7 else ""
    except (ValueError, AttributeError, TypeError):
        return ""
