"""The messages in the reader's language: English, or 繁體中文 or 简体中文 from the catalogues beside this file.

After changing a sentence, from the root of the repository::

    pybabel extract -k N_ --no-location --sort-output -o messages.pot tarot_tui
    pybabel update -D tarot_tui -d tarot_tui/locale -l zh_TW -i messages.pot --no-fuzzy-matching --ignore-obsolete
    # translate what is empty in tarot_tui/locale/zh_TW/LC_MESSAGES/tarot_tui.po, then
    pybabel compile -D tarot_tui -d tarot_tui/locale
    python -m tarot_tui.locale.simplified     # 简体 is made of 繁體, never written
"""

from __future__ import annotations

import gettext
import os
from pathlib import Path

from tarot_tui import personal

LANGUAGES = {"en": "English", "zh_TW": "繁體中文", "zh_CN": "简体中文"}
DOMAIN = "tarot_tui"
CATALOGUES = Path(__file__).parent

_catalogue: gettext.NullTranslations | None = None
_current = "en"


def normalise(code: str) -> str:
    """The language of ours nearest to a locale name (``zh_HK.UTF-8`` → ``zh_TW``, anything unknown → ``en``)."""
    language, *others = code.lower().partition(".")[0].replace("-", "_").split("_")
    if language != "zh":
        return "en"
    return "zh_CN" if {"cn", "sg", "my", "hans"} & set(others) and "hant" not in others else "zh_TW"


def from_environment() -> str:
    """The language of ``TAROT_TUI_LANG``, else the one that was chosen last, else that of the usual variables."""
    chosen = os.environ.get("TAROT_TUI_LANG") or personal.recall("language")
    usual = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    return normalise(chosen or next(filter(None, usual), "en"))


def set_language(code: str | None) -> str:
    """Use ``code`` (or the environment's language when None) from now on; returns what is in use."""
    global _catalogue, _current
    _current = normalise(code) if code else from_environment()
    _catalogue = gettext.translation(DOMAIN, CATALOGUES, [_current], fallback=True)
    return _current


def speak(code: str | None) -> str:
    """:func:`set_language`, also for argparse's own sentences and for our child processes."""
    used = set_language(code)
    # argparse asks the standard gettext functions, which go by these two and by LANGUAGE.
    gettext.bindtextdomain(DOMAIN, CATALOGUES)
    gettext.textdomain(DOMAIN)
    os.environ["TAROT_TUI_LANG"] = os.environ["LANGUAGE"] = used
    return used


def language() -> str:
    """The code of the language in use."""
    return _current


def _(message: str) -> str:
    """``message`` in the language in use; ``.format`` it after, never before."""
    if _catalogue is None:
        set_language(None)
    return _catalogue.gettext(message) if message else ""


def N_(message: str) -> str:
    """Mark ``message`` for translation where it is declared; translate with ``_`` where it is shown."""
    return message
