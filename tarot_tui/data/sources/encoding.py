"""The encoding of a text file, found by strict decoding; its lines, none of them boundless."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tarot_tui.data.sources.table import LONGEST, shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _

_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

# How zip (and so office) files begin, and PDF, parquet, OLE, gzip, PNG, JPEG, GIF: in part of them Chinese text
# could be found by a strict decoder.
_NO_TEXT = (
    b"PK\3\4",
    b"%PDF-",
    b"PAR1",
    b"\xd0\xcf\x11\xe0",
    b"\x1f\x8b",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
)

# Lead bytes of the common characters: Big5's level 1 (5,401 characters) and GB 2312's level 1 (3,755). Text in the
# right encoding lies in them almost wholly; read in the other encoding it scatters.
_COMMON = {"cp950": range(0xA4, 0xC7), "gb18030": range(0xB0, 0xD8)}


def detect(path: Path, *, whole: bool = True) -> str:
    """The name of ``path``'s encoding: UTF-8 or UTF-16 by its mark, else UTF-8, Big5 (cp950) or GB 18030.

    A candidate counts only when the whole file decodes strictly (``whole=False``: its first MiB, for previews); where
    both Chinese ones do, the one in which more characters are common ones. Raises BadInput when none does.
    """
    with open(path, "rb") as file:
        start = file.read(_CHUNK)
    candidates = [] if start.startswith(_NO_TEXT) else _candidates(start)
    for encoding in candidates:
        if _decodes(path, encoding, whole):
            return encoding
    raise BadInput(
        _(
            "{file} is not text in UTF-8, UTF-16, Big5 or GB 18030: open it where it came from and save it as UTF-8."
        ).format(file=shown(path))
    )


def _candidates(start: bytes) -> list[str]:
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return [encoding]
    # UTF-16 without a mark: its digits, commas and line ends all have their NUL on the same side. Where there are
    # many it is tried first, since ASCII in UTF-16 is valid UTF-8 too; where there are few they may be stray NULs.
    even, odd = start[::2].count(0), start[1::2].count(0)
    wide = ["utf-16-le" if odd > even else "utf-16-be"] if even + odd else []
    if (even + odd) * 5 > len(start):
        return [*wide, "utf-8", *_by_commonness(start)]
    return ["utf-8", *wide, *_by_commonness(start)]


def _by_commonness(start: bytes) -> list[str]:
    def share(encoding: str) -> float:
        characters = Counter(start.decode(encoding, "ignore"))
        leads = [(character.encode(encoding), count) for character, count in characters.items()]
        wide = [(lead[0], count) for lead, count in leads if len(lead) > 1]
        common = sum(count for lead, count in wide if lead in _COMMON[encoding])
        return common / max(1, sum(count for _lead, count in wide))

    return sorted(_COMMON, key=share, reverse=True)


def _decodes(path: Path, encoding: str, whole: bool) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
                if not whole:
                    return True
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def lines(path: Path, encoding: str) -> Iterator[str]:
    r"""The lines of ``path``, each ending in ``\n`` whatever it ended in, without NULs.

    Raises BadInput for a line longer than ``LONGEST``.
    """
    with open(path, encoding=encoding) as file:
        for number, line in enumerate(iter(partial(file.readline, LONGEST + 1), ""), 1):
            if len(line) > LONGEST:
                raise BadInput(
                    _("{file}, line {line}: longer than {limit} characters; is this the right file?").format(
                        file=shown(path), line=number, limit=f"{LONGEST:,}"
                    )
                )
            yield line.replace("\0", "") if "\0" in line else line
