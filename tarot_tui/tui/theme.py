"""Themes: TOML files of ours and of the user's, checked before use, and the choice that fits the terminal.

A theme file has ``name``, ``dark``, ``[colors]`` (``primary`` is required) and ``[variables]``. Ours lie in
``themes/`` (in an installed package: beside this module); the user's in ``$XDG_CONFIG_HOME/tarot-tui/themes``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

DARK, LIGHT = "night", "parchment"

COLORS = frozenset(
    ["primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost"]
    + ["success", "warning", "error"]
)
#: What our widgets add to Textual's variables, with what they are in a theme that does not name them.
VARIABLES = {
    "loss": "secondary",
    "loss-smooth": "accent",
    "gpu-ok": "success",
    "gpu-warm": "warning",
    "gpu-hot": "error",
    "stage-done": "success",
    "stage-active": "accent",
    "stage-todo": "foreground",
}


def folders() -> list[Path]:
    """Where theme files are looked for, ours first."""
    here = Path(__file__).parent
    shipped = here / "themes"
    ours = shipped if shipped.is_dir() else here.parents[1] / "themes"
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return [ours, Path(config).expanduser() / "tarot-tui" / "themes"]


def load_all() -> tuple[list[Theme], list[str]]:
    """Every theme that can be read, and one sentence for each file that cannot."""
    themes, problems = [], []
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            try:
                themes.append(load(path))
            except BadInput as problem:
                problems.append(str(problem))
    return themes, problems


def load(path: Path) -> Theme:
    """The theme in one file. Raises BadInput that names the file and the key, and says how to mend it."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            _("Theme {file}: cannot be read as TOML: {reason}.").format(
                file=path, reason=one_line(str(error), 120)
            )
        ) from None
    colors, variables = found.get("colors"), found.get("variables", {})
    if not isinstance(colors, dict) or "primary" not in colors:
        raise BadInput(
            _("Theme {file}: add a [colors] table with at least 'primary', such as \"#d9b45b\".").format(
                file=path
            )
        )
    if unknown := set(colors) - COLORS:
        raise BadInput(
            _("Theme {file}: unknown colour '{key}'; known are {known}.").format(
                file=path, key=one_line(min(unknown), 40), known=", ".join(sorted(COLORS))
            )
        )
    if not isinstance(variables, dict):
        raise BadInput(_("Theme {file}: 'variables' must be a table: [variables].").format(file=path))
    for key, value in (colors | variables).items():
        _check(path, key, value)
    name = found.get("name", path.stem)
    return Theme(
        name=one_line(str(name), 40), dark=bool(found.get("dark", True)), variables=variables, **colors
    )


def _check(path: Path, key: str, value: Any) -> None:
    if key.endswith("-style"):
        problem = not isinstance(value, str)
    else:
        try:
            # A variable may carry an opacity behind the colour, as Textual's CSS has it.
            Color.parse(str(value).split()[0] if isinstance(value, str) and value.strip() else "")
            problem = not isinstance(value, str)
        except ColorParseError:
            problem = True
    if problem:
        raise BadInput(
            _("Theme {file}: '{key}' is {value}, which is no colour; write it like \"#d9b45b\".").format(
                file=path, key=one_line(key, 40), value=one_line(repr(value), 40)
            )
        )


def choose(environ: Mapping[str, str], color_system: str | None, names: set[str]) -> str:
    """The theme for this terminal.

    color_system: rich's word for what the terminal can do (``truecolor``, ``256``, ``standard`` or None).
    A terminal of 16 colours gets Textual's ansi theme, since ours would lose text there; under ``NO_COLOR`` never,
    since Textual 8 then draws black on black. ``TAROT_TUI_THEME`` wins where it can be obeyed.
    """
    grey = "NO_COLOR" in environ
    wanted = environ.get("TAROT_TUI_THEME", "")
    if wanted in names and not (grey and wanted.startswith("ansi")):
        return wanted
    light = _light_background(environ)
    if color_system in ("standard", "windows", None) and not grey:
        return "ansi-light" if light else "ansi-dark"
    return LIGHT if light else DARK


def _light_background(environ: Mapping[str, str]) -> bool:
    # COLORFGBG="15;0", set by rxvt, Konsole and others: the last number is the background, 7 and 9…15 are light.
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdigit() and int(background) in {7, *range(9, 16)}


def defaults(theme: Theme) -> dict[str, str]:
    """Our variables for a theme that lacks them, for ``App.get_theme_variable_defaults``."""
    fallback = "ansi_default" if theme.ansi else theme.primary
    return {
        name: getattr(theme, like) or (fallback if like != "foreground" else theme.foreground or fallback)
        for name, like in VARIABLES.items()
    }
