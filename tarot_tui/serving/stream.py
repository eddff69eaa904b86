"""Model output made harmless while it arrives, piece by piece."""

from __future__ import annotations

import re

from tarot_tui.text import plain

# The beginning of an escape sequence at the very end of the text: its rest may be in the next piece.
_UNFINISHED = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*\Z"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z"
    r"|\x1b[ -/]*\Z"
)
_LONGEST = 4096


class PlainStream:
    """:func:`tarot_tui.text.plain` over text in pieces: a sequence that is cut in two does not get through.

    What :meth:`feed` and at the end :meth:`finish` return, joined, is ``plain`` of all pieces joined.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The text that is certain after ``piece``."""
        text = self._held + piece
        start = _UNFINISHED.search(text)
        cut = start.start() if start else len(text)
        self._held = text[cut:]
        if len(self._held) > _LONGEST:
            # Nobody's sequence is that long. Its contents are dropped in any case, so only its opening is kept.
            self._held = self._held[:2] if self._held[0] == "\x1b" else self._held[:1]
        return plain(text[:cut])

    def finish(self) -> str:
        """What was held back; the stream starts anew."""
        held, self._held = self._held, ""
        return plain(held)
