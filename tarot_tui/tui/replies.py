"""What a terminal is asked at the start, and its answers, which must never be taken for keys.

Two things no environment variable tells for sure: whether its background is light (OSC 11, as in xterm's ctlseqs), and
whether it draws the characters that Unicode calls *ambiguous* over two cells, as some do for Chinese and Japanese: one is
drawn, and the cursor asked for (CSI 6 n). Every terminal answers that, and in order: so it also tells that no other answer
is to come. Nothing waits for any of it. The questions go out before the app draws: so the answers come before the key of
somebody who leaves because of what it shows, over any link; for who is quicker the driver waits a moment.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

#: Asked with the first output, so that whatever is drawn is drawn over the character.
BACKGROUND, WIDTH = "\x1b]11;?\x1b\\", "\x1b[1;1H\x1b[8m─\x1b[0m\x1b[6n"
#: Terminals, by the beginning of their name, that would show the question for the colour instead of answering it.
_MUTE = ("linux", "screen", "dumb", "vt", "ansi", "cons", "eterm", "sun")
#: Seconds: for how long an answer is expected; how long half a one is kept back; how long a single escape is.
_EXPECTED, _HALF, _ESCAPE = 10.0, 5.0, 0.1

# Nobody types an operating system command, whatever is in it.
_OSC = re.compile(rb"\x1b\]([^\x07\x1b]{0,4096})(?:\x07|\x1b\\)")
_CURSOR = re.compile(rb"\x1b\[(\d{1,4});(\d{1,4})R")
_BEGUN = re.compile(rb"\x1b(?:\](?:1(?:1(?:;[\da-fA-Frg:/#]{0,48}\x1b?)?)?)?|\[\d{0,4}(?:;\d{0,4})?)?\Z")
_BROKEN = re.compile(rb"\x1b\]11;[\da-fA-Frg:/#]{0,48}|\x1b\]1{0,2}(?=\x1b)")
_COLOUR = re.compile(
    rb"11;(?:rgba?:([\da-f]{1,4})/([\da-f]{1,4})/([\da-f]{1,4})|#([\da-f]{6})).*", re.IGNORECASE
)


def questions(environ: Mapping[str, str], *, width: bool) -> str:
    """What to send; ``width``: whether to ask for that, too."""
    mute = environ.get("TERM", "").startswith(_MUTE) or "STY" in environ
    colour = "" if mute and "TMUX" not in environ else BACKGROUND
    return colour + (WIDTH if width else "\x1b[6n")


class Replies:
    """Takes the answers out of what the terminal sends.

    light: whether its background is; wide: whether it drew the character over two cells. None: not known.
    Times come from outside, in seconds.
    """

    def __init__(self) -> None:
        self.light: bool | None = None
        self.wide: bool | None = None
        #: Set while no answer is expected.
        self.complete = threading.Event()
        self.complete.set()
        self._asked = float("-inf")
        self._kept = b""
        self._kept_since = 0.0
        self._escaped = False  # the last that was handed on was a single escape

    def expect(self, now: float) -> None:
        """The questions are on their way."""
        self._asked = now
        self.complete.clear()

    def due(self) -> float | None:
        """When what is kept back must be handed on, whatever comes; None: nothing is."""
        return self._kept_since + (_ESCAPE if self._kept == b"\x1b" else _HALF) if self._kept else None

    def take(self, data: bytes, now: float) -> bytes:
        """What is left of ``data`` for keys and mouse. Half an answer is kept back; call it with nothing when that is due."""
        if not data and (due := self.due()) is not None and now < due:
            return b""
        kept, self._kept = self._kept, b""
        if not data:
            # A single escape is a key, then. Half an answer is of no use to anybody.
            self._escaped = kept == b"\x1b"
            return kept if self._escaped else b""
        if self._escaped and not self.complete.is_set():
            # … or it was the first byte of an answer, and the others took their time.
            escaped = b"\x1b" + data
            if answer := _OSC.match(escaped) or _CURSOR.match(escaped):
                self._read(answer)
                data = escaped[answer.end() :]
        self._escaped = False
        data = _OSC.sub(self._read, kept + data)
        expected = not self.complete.is_set() and now - self._asked < _EXPECTED
        data = _BROKEN.sub(self._unless_last if expected else b"", data)
        if not self.complete.is_set():
            data = _CURSOR.sub(self._read, data, count=1)
        if expected and not self.complete.is_set() and (begun := _BEGUN.search(data)):
            self._kept, data = begun[0], data[: begun.start()]
            self._kept_since = self._kept_since if kept and self._kept.startswith(kept) else now
        return data

    @staticmethod
    def _unless_last(half: re.Match[bytes]) -> bytes:
        # What goes on behind half an answer is something else; at the end, more of it may come.
        return half[0] if half.string[half.end() :] in (b"", b"\x1b") else b""

    def _read(self, answer: re.Match[bytes]) -> bytes:
        if answer.re is _CURSOR:
            self.wide = int(answer[2]) > 2
            self.complete.set()
        elif colour := _COLOUR.fullmatch(answer[1]):
            *parts, whole = colour.groups()
            parts = [whole[at : at + 2] for at in (0, 2, 4)] if whole else parts
            red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in parts)
            # ITU-R BT.601: how bright it looks.
            self.light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
        return b""
