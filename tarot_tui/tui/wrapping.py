"""Rich and Textual break lines as :mod:`tarot_tui.line_breaks` does; by themselves they know of spaces only."""

from __future__ import annotations

import rich._wrap
import textual._wrap

from tarot_tui.line_breaks import pieces


def install() -> None:
    """From now on. Both look their function up at each call."""
    rich._wrap.words = textual._wrap.chunks = pieces  # type: ignore[assignment]
