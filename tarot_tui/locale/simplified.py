"""Makes the 简体 catalogue of the 繁體 one, character by character and word by word as on the mainland (OpenCC's tw2sp).

``python -m tarot_tui.locale.simplified`` writes it; nobody translates it by hand.
"""

from __future__ import annotations

import gettext
import struct
from collections.abc import Mapping
from pathlib import Path

from tarot_tui.locale import CATALOGUES, DOMAIN


def compiled(code: str) -> Path:
    """Where the compiled catalogue of a language lies."""
    return CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.mo"


def catalogue() -> dict[str, str]:
    """Every message of the compiled 繁體 catalogue, in 简体. Placeholders hold no words, so they stay as they are."""
    from opencc import OpenCC

    simplified = OpenCC("tw2sp").convert
    with open(compiled("zh_TW"), "rb") as file:
        found = gettext.GNUTranslations(file)
    header = found._catalog[""].replace("zh_TW", "zh_CN")
    return {"": header} | {
        message: simplified(text)
        for message, text in found._catalog.items()
        if message and isinstance(message, str) and isinstance(text, str)
    }


def write_mo(path: Path, messages: Mapping[str, str]) -> None:
    """Write a compiled catalogue: GNU gettext's .mo, version 0, little-endian, without a hash table."""
    ids, texts, places = b"", b"", []
    for message in sorted(messages):
        original, text = message.encode(), messages[message].encode()
        places.append((len(original), len(ids), len(text), len(texts)))
        ids += original + b"\0"
        texts += text + b"\0"
    tables = 28
    start = tables + 16 * len(places)
    head = struct.pack("<7I", 0x950412DE, 0, len(places), tables, tables + 8 * len(places), 0, start)
    originals = b"".join(struct.pack("<2I", size, start + at) for size, at, _s, _a in places)
    translations = b"".join(struct.pack("<2I", size, start + len(ids) + at) for _s, _a, size, at in places)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + originals + translations + ids + texts)


if __name__ == "__main__":
    write_mo(compiled("zh_CN"), catalogue())
