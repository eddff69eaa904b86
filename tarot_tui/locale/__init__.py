"""The messages in the reader's language: English, or 繁體中文 from the catalogue beside this file.

After changing a sentence, from the root of the repository::

    pybabel extract -k N_ --no-location --sort-output -o messages.pot tarot_tui
    pybabel update -D tarot_tui -d tarot_tui/locale -l zh_TW -i messages.pot --no-fuzzy-matching --ignore-obsolete
    # translate what is empty in tarot_tui/locale/zh_TW/LC_MESSAGES/tarot_tui.po, then
    pybabel compile -D tarot_tui -d tarot_tui/locale
"""

from __future__ import annotations

import gettext
import os
from pathlib import Path

LANGUAGES = {"en": "English", "zh_TW": "繁體中文"}
DOMAIN = "tarot_tui"
CATALOGUES = Path(__file__).parent

_catalogue: gettext.NullTranslations | None = None
_current = "en"


def normalise(code: str) -> str:
    """The language of ours nearest to a locale name (``zh_HK.UTF-8`` → ``zh_TW``, anything unknown → ``en``)."""
    return "zh_TW" if code.lower().replace("-", "_").startswith("zh") else "en"


def from_environment() -> str:
    """The language asked for by ``TAROT_TUI_LANG`` or the usual locale variables."""
    for name in ("TAROT_TUI_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return normalise(value)
    return "en"


def set_language(code: str | None) -> str:
    """Use ``code`` (or the environment's language when None) from now on; returns what is in use."""
    global _catalogue, _current
    _current = normalise(code) if code else from_environment()
    _catalogue = gettext.translation(DOMAIN, CATALOGUES, [_current], fallback=True)
    return _current


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
