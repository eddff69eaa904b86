"""Untrusted text made harmless for a terminal, and small formats for people."""

from __future__ import annotations

import re
import unicodedata

# CSI, OSC/DCS/APC/PM strings, and two-character escapes, 7-bit and 8-bit.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Access tokens of the Hugging Face hub; GitHub's and OpenAI's look alike.
_TOKENS = re.compile(r"\b(hf_|ghp_|sk-)[A-Za-z0-9_-]{16,}")
_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


def plain(text: str) -> str:
    """``text`` without escape sequences, control characters (tab and newline stay), bidi overrides or access tokens."""
    if is_plain(text):
        return text
    text = _TOKENS.sub(r"\1…", _ESCAPES.sub("", text).translate(_BIDI))
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))


def is_plain(text: str) -> bool:
    """Whether :func:`plain` would change nothing in one line of text; quick, and never wrongly True."""
    return text.isprintable() and not _TOKENS.search(text)


def one_line(text: str, limit: int = 200) -> str:
    """``text`` plain, on one line, and at most ``limit`` characters (an ellipsis marks the cut)."""
    flat = " ".join(plain(text[: 4 * limit + 200]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def size(count: float) -> str:
    """Bytes as people read them: ``1.4 GB`` (decimal, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds as ``45 s``, ``3 min 20 s``, ``5 h 12 min`` or ``2 d 3 h``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s" if total % 60 else f"{total // 60} min"
    if total < 86400:
        return f"{total // 3600} h {total % 3600 // 60} min"
    return f"{total // 86400} d {total % 86400 // 3600} h"
