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


def light_background(environ: Mapping[str, str]) -> bool | None:
    """Whether the terminal says that its background is light; None where it says nothing."""
    # COLORFGBG="15;0", set by rxvt, Konsole and others: the last number is the background, 7 and 9…15 are light.
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return int(background) in {7, *range(9, 16)} if background.isdigit() else None


def chosen_blindly(environ: Mapping[str, str]) -> str:
    """The theme for a terminal of many colours, where none was chosen: by its background, or that of the last one."""
    light = light_background(environ)
    if light is None:
        light = personal.recall("background") == "light"
    return LIGHT if light else DARK
