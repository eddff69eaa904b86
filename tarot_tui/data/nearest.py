"""The right name next to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tarot_tui.locale import _
from tarot_tui.text import one_line


def nearest(name: str, among: Iterable[str], count: int = 2) -> list[str]:
    """Up to ``count`` of ``among`` that ``name`` may have been meant to be, whatever the case of letters."""
    by_folded = {candidate.casefold(): candidate for candidate in among}
    return [by_folded[match] for match in get_close_matches(name.casefold(), by_folded, count, 0.6)]


def hint(name: str, among: Iterable[str]) -> str:
    """' (did you mean …?)', or nothing when nothing is near."""
    near = nearest(name, among)
    if not near:
        return ""
    return _(" (did you mean {names}?)").format(
        names=_(" or ").join(f"'{one_line(one, 60)}'" for one in near)
    )
