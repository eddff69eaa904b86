"""Where a line may end: at spaces and, in Chinese and Japanese, between any two characters that 避頭尾 lets part.

No line begins with a mark that closes or ends with one that opens, and a number keeps its measure word. A part of
UAX #14 (https://www.unicode.org/reports/tr14/): what the sentences of this program need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENS = "「『（〈《【〔“"
_CLOSES = "、。，．：；！？」』）〉》】〕”…％"
_HAN = "\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A space that does not break is none, and glues.
_SPACE, _GLUE = " \t\r\n\f\v\u3000", "\u00a0"
_LATIN = f"[^{_SPACE}{_GLUE}{_HAN}{_OPENS}{_CLOSES}]"
_CORE = f"(?:{_LATIN}*\\d [{_HAN}]|[{_HAN}]|{_LATIN}+)"
_WORD = re.compile(rf"[{_SPACE}]*[^{_SPACE}]+[{_SPACE}]*")
_PIECE = re.compile(
    f"[{_SPACE}]*(?:[{_OPENS}]*{_CORE}(?:{_GLUE}+{_CORE})*[{_CLOSES}]*|[{_OPENS}{_CLOSES}{_GLUE}]+)[{_SPACE}]*"
)


def pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """What is kept together, with the spaces behind it: (begin, end, piece). Spaces alone give nothing."""
    found = (_WORD if text.isascii() else _PIECE).finditer(text)
    return ((match.start(), match.end(), match[0]) for match in found)


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)  # and a help in English goes without Rich
    from rich.cells import cell_len

    return cell_len(text)


def broken(text: str, width: int) -> list[str]:
    """``text`` on lines of at most ``width`` cells where its pieces allow that."""
    lines = [""]
    for _begin, _end, piece in pieces(text):
        if lines[-1] and _cells(lines[-1] + piece.rstrip(_SPACE)) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip(_SPACE) for line in lines]
