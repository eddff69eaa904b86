"""Stand-ins for characters that a terminal may draw over two cells where one was counted (Unicode's *ambiguous* width).

They are mostly lines, blocks, arrows and typographic signs; some terminals draw them wide for Chinese and Japanese, and
everything behind them would shift. Braille is never ambiguous, so charts stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from tarot_tui import personal

_EMOJI = re.compile(".\ufe0f?", re.DOTALL)
_ALIKE = {
    character: plain
    for plain, characters in {
        "-": "─━┄┅┈┉═▔–—―‐",
        "|": "│┃┆┇┊┋║▌▍▎▏▕‖",
        "#": "█▇▆▓▉▊▋■",
        "=": "▄▅▒",
        "_": "▁▂▃",
        "^": "▲△↑⇑▀",
        "v": "▼▽↓⇓",
        ">": "→⇒▶▷",
        "<": "←⇐◀◁",
        "*": "●•★☆※◆◉",
        "o": "○◎◯°◇□",
        ".": "·…‥",
        "x": "×╳",
        '"': "“”″",
        "'": "‘’′´",
        "~": "∼≈",
        "/": "╱÷",
        "\\": "╲",
    }.items()
    for character in characters
}


def ambiguous_width(environ: Mapping[str, str]) -> str:
    """What the user says of those characters: ``wide``, ``narrow``, or nothing, for the terminal to say."""
    said = environ.get("TAROT_TUI_AMBIGUOUS", "") or personal.recall("ambiguous")
    return said if said in ("wide", "narrow") else ""


def narrow(text: str) -> str:
    """``text`` with as many cells in every terminal as are counted here."""
    if text.isascii():
        return text
    # What a variation selector makes an emoji takes two cells everywhere.
    return "".join(_narrow(one) for one in (_EMOJI.findall(text) if "\ufe0f" in text else text))


@lru_cache(4096)
def _narrow(character: str) -> str:
    if len(character) > 1 or unicodedata.east_asian_width(character) != "A" or _is_mark(character):
        return character
    alike = _ALIKE.get(character) or unicodedata.normalize("NFKD", character)[:1]  # é → e, ① → 1, Ⅳ → I
    if 0x2500 <= ord(character) < 0x2580 and not alike.isascii():
        return "+"  # corners and crossings of lines
    return alike if alike.isascii() and alike.isprintable() else _letter(alike)


def _letter(character: str) -> str:
    # By its name: GREEK SMALL LETTER ALPHA → a, CYRILLIC CAPITAL LETTER ZHE → Z.
    kind, _letter, name = unicodedata.name(character, "").partition(" LETTER ")
    return (name[:1].lower() if "SMALL" in kind else name[:1]) or "?"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")
