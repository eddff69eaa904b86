"""Characters that nobody sees or that got lost on the way, and which Chinese characters a text is written in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

# Zero-width and filler characters, direction marks, language tags, interlinear marks, the byte order mark.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85]")
_LOST = re.compile("\ufffd+|(?:[ÃÂ][\u0080-\u00bf]){2,}|锟斤拷|(?:烫){4,}")
_HAN = re.compile("[\u4e00-\u9fff]+")
_KANA = re.compile("[\u3041-\u30fa]")
#: Ordinary in traditional texts too, though Big5 has them not.
_BOTH = frozenset("着卧叁咏")
#: Different characters of the other script from which a text counts as mixed; one may be a name or a quotation.
_MIXED = 2
_JOINERS = "\u200c\u200d"
_TAGS = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")


def invisible(text: str) -> str:
    """The invisible characters of ``text`` by name, '' when all that are there have work to do.

    A joiner inside an emoji or an Indic or Arabic word, direction marks beside right-to-left letters, and the tags of
    a flag are needed by what is shown.
    """
    if text.isascii() or not _INVISIBLE.search(text):
        return ""
    return ", ".join(dict.fromkeys(_name(match[0]) for match in _idle(text)))


def without_invisible(text: str) -> str:
    """``text`` without what :func:`invisible` finds."""
    idle = {match.start() for match in _idle(text)}
    return "".join(character for place, character in enumerate(text) if place not in idle)


def _idle(text: str) -> list[re.Match[str]]:
    kept: set[int] = set()
    for flag in _TAGS.finditer(text):
        kept.update(range(*flag.span()))
    right_to_left = any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    return [
        match
        for match in _INVISIBLE.finditer(text)
        if match.start() not in kept and not _works(text, match.start(), right_to_left)
    ]


def _works(text: str, place: int, right_to_left: bool) -> bool:
    if text[place] in _JOINERS and place:
        before = text[place - 1]
        return (
            before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk", "Mn", "Mc") or _joins(before)
        )
    return right_to_left and unicodedata.bidirectional(text[place]) not in ("BN", "NSM", "L")


def _joins(character: str) -> bool:
    """Whether the letter is of a script that shapes by joiners: Arabic, Syriac, the Indic ones, Mongolian."""
    return (
        0x0600 <= ord(character) <= 0x08FF
        or 0x0900 <= ord(character) <= 0x0DFF
        or "\u1800" <= character < "\u18b0"
    )


def control(text: str) -> str:
    """The control characters of ``text`` by code, carriage returns included; '' when there is none."""
    if text.isprintable():
        return ""
    return ", ".join(dict.fromkeys(f"U+{ord(match[0]):04X}" for match in _CONTROL.finditer(text)))


def without_control(text: str) -> str:
    """``text`` with plain line breaks, and without escape sequences and other control characters."""
    return _CONTROL.sub("", _BREAKS.sub("\n", _ESCAPE.sub("", text)))


def lost(text: str) -> str:
    """What an earlier conversion left in place of characters (``�``, mojibake); '' when there is nothing."""
    if text.isascii():
        return ""
    match = _LOST.search(text)
    return match[0] if match else ""


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '').lower()}".strip()


# ---- Traditional and simplified


@cache
def _only_in() -> tuple[frozenset[str], frozenset[str]]:
    """Frequent characters that only traditional, and only simplified texts have.

    Told by what the encodings of both sides left out: a character on Big5's frequent plane that GB 2312 lacks, and
    one on GB 2312's frequent plane that Big5 lacks. Those in both (台, 里, 后) say nothing.
    """
    traditional = frozenset(_plane("big5", range(0xA4, 0xC7), "gb2312"))
    simplified = frozenset(_plane("gb2312", range(0xB0, 0xD8), "cp950")) - _BOTH
    return traditional, simplified


def _plane(encoding: str, leads: range, other: str) -> list[str]:
    found = []
    for lead in leads:
        for trail in range(0x40, 0xFF):
            try:
                character = bytes((lead, trail)).decode(encoding)
            except UnicodeDecodeError:
                continue
            try:
                character.encode(other)
            except UnicodeEncodeError:
                found.append(character)
    return found


@dataclass(frozen=True)
class Script:
    """traditional, simplified: the different characters of a text that only such texts have."""

    traditional: str
    simplified: str

    @property
    def name(self) -> str:
        """``traditional``, ``simplified``, ``mixed``, or '' when nothing tells."""
        fewer = min(len(self.traditional), len(self.simplified))
        if fewer >= _MIXED:
            return "mixed"
        if len(self.traditional) == len(self.simplified):
            return ""
        return "traditional" if len(self.traditional) > len(self.simplified) else "simplified"


def script(text: str) -> Script:
    """Which Chinese characters ``text`` is written in; Japanese, which has its own mixture, counts as neither."""
    if text.isascii() or _KANA.search(text):
        return Script("", "")
    traditional, simplified = _only_in()
    han = set("".join(_HAN.findall(text)))
    return Script("".join(sorted(han & traditional)), "".join(sorted(han & simplified)))


def converter(wanted: str) -> Callable[[str], str]:
    """Turns texts into ``traditional`` (as written in Taiwan) or ``simplified`` characters, by phrases (OpenCC)."""
    from opencc import OpenCC

    return OpenCC("s2tw" if wanted == "traditional" else "t2s").convert
