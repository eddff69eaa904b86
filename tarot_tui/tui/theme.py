"""Themes: TOML files of ours and of the user's, checked before use, and the choice that fits the terminal.

A theme file has ``name``, ``dark``, ``ansi`` (its colours are the terminal's own sixteen), ``[title]`` (by language),
``[colors]`` (``primary`` is required) and ``[variables]``. Ours lie in ``themes/`` (in an installed package: beside this
module); the user's in ``$XDG_CONFIG_HOME/tarot-tui/themes``. The theme that was chosen last is remembered there too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from tarot_tui import personal
from tarot_tui.errors import BadInput
from tarot_tui.locale import _, language
from tarot_tui.text import one_line
from tarot_tui.tui.theme_files import DARK, LIGHT, chosen_blindly, folders, light_background

#: For terminals of sixteen colours.
ANSI_DARK, ANSI_LIGHT = "wheel", "wheel-light"
#: For those sixteen where ``NO_COLOR`` forbids the ones above: it has nothing between black and white to lose.
BLACK_AND_WHITE = "tower"

KEYS = frozenset({"name", "dark", "ansi", "title", "colors", "variables"})
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
    "on-primary": "background",
    "cursor-row": "panel",
}


@dataclass
class NamedTheme(Theme):
    """A theme with a title for people, by language."""

    title: dict[str, str] = field(default_factory=dict)


def title(theme: Theme) -> str:
    """How people call the theme, in the language in use where the file says it so."""
    titles = theme.title if isinstance(theme, NamedTheme) else {}
    return titles.get(language()) or titles.get("en") or theme.name


def load_all() -> tuple[list[NamedTheme], list[str]]:
    """Every theme that can be read, and one sentence for each file that cannot."""
    themes, problems = [], []
    for folder in folders():
        for path in sorted(folder.glob("*.toml")):
            try:
                themes.append(load(path))
            except BadInput as problem:
                problems.append(str(problem))
    return themes, problems


def load(path: Path) -> NamedTheme:
    """The theme in one file. Raises BadInput that names the file and the key, and says how to mend it."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            _("Theme {file}: cannot be read as TOML: {reason}.").format(
                file=path, reason=one_line(str(error), 120)
            )
        ) from None
    if unknown := set(found) - KEYS:
        raise BadInput(
            _("Theme {file}: unknown key '{key}'; known are {known}.").format(
                file=path, key=one_line(min(unknown), 40), known=", ".join(sorted(KEYS))
            )
        )
    colors, variables, titles = found.get("colors"), found.get("variables", {}), found.get("title", {})
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
    if not isinstance(titles, dict):
        raise BadInput(
            _("Theme {file}: 'title' must be a table by language: [title], en = \"…\".").format(file=path)
        )
    for key, value in (colors | variables).items():
        _check(path, key, value)
    return NamedTheme(
        name=one_line(str(found.get("name", path.stem)), 40),
        dark=bool(found.get("dark", True)),
        ansi=bool(found.get("ansi", False)),
        variables=variables,
        title={str(code): one_line(str(words), 60) for code, words in titles.items()},
        **colors,
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


def choose(
    environ: Mapping[str, str],
    color_system: str | None,
    themes: Mapping[str, Theme],
    light: bool | None = None,
) -> str:
    """The theme for this terminal.

    color_system: rich's word for what the terminal can do (``truecolor``, ``256``, ``standard`` or None).
    ``TAROT_TUI_THEME`` wins where it can be obeyed, then the theme that was chosen last. A terminal of sixteen colours
    gets a theme made of them: any other loses text there. light: what the terminal answered of its background, if it did.
    """
    few = color_system in ("standard", "windows", None)
    asked, last = environ.get("TAROT_TUI_THEME", ""), personal.recall("theme")
    if asked in themes and fits(themes[asked], environ):
        return asked
    if last in themes and fits(themes[last], environ) and (themes[last].ansi or not few):
        return last
    light = light_background(environ) if light is None else light
    if few and "NO_COLOR" in environ:
        return BLACK_AND_WHITE
    if few:
        return ANSI_LIGHT if light else ANSI_DARK
    return chosen_blindly(environ) if light is None else LIGHT if light else DARK


def fits(theme: Theme, environ: Mapping[str, str]) -> bool:
    """Whether it may be used: under ``NO_COLOR`` Textual 8 draws the terminal's own colours black on black."""
    return not (theme.ansi and "NO_COLOR" in environ)


def defaults(theme: Theme) -> dict[str, str]:
    """Our variables for a theme that lacks them, for ``App.get_theme_variable_defaults``."""
    last = {
        "foreground": "ansi_default" if theme.ansi else "#e0e0e0" if theme.dark else "#202020",
        "background": "ansi_black" if theme.ansi else "#121212" if theme.dark else "#ffffff",
    }
    return {name: getattr(theme, like) or last.get(like, theme.primary) for name, like in VARIABLES.items()}
