"""Where theme files lie, and which of ours is used where none was chosen. No Textual here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tarot_tui import personal

DARK, LIGHT = "night", "parchment"


def folders() -> list[Path]:
    """Where theme files are looked for, ours first."""
    here = Path(__file__).parent
    shipped = here / "themes"
    ours = shipped if shipped.is_dir() else here.parents[1] / "themes"
    return [ours, personal.folder() / "themes"]


def light_background(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light."""
    # COLORFGBG="15;0", set by rxvt, Konsole and others: the last number is the background, 7 and 9…15 are light.
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdigit() and int(background) in {7, *range(9, 16)}


def chosen_blindly(environ: Mapping[str, str]) -> str:
    """The theme for a terminal of many colours, where none was chosen."""
    return LIGHT if light_background(environ) else DARK
