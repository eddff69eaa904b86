"""Which paragraphs of a Word document are headings, and how those of lists are marked.

ECMA-376 part 1: 17.3.1.20 outlineLvl, 17.9 numbering. A paragraph says so itself, or its style does, or the style
that this one is based on.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

_HEADING = re.compile(r"heading (\d)", re.IGNORECASE)
_BODY_LEVEL = 9
_MOST_BASES = 20


class Styles:
    """The styles and numberings of one document; counts the items of its lists as they are asked for, in order."""

    def __init__(self, document: Document) -> None:
        self._styles = {style.style_id: style for style in document.styles}
        self._bullets = _bullets(document)
        self._counts: Counter[tuple[int, int]] = Counter()

    def level(self, paragraph: Paragraph) -> int | None:
        """0 for a title, 1 to 9 for headings, None for other text."""
        properties = paragraph._p.pPr
        if (own := _outline(properties)) is not None:
            return own if own <= _BODY_LEVEL else None
        for style in self._chain(properties):
            if (style.name or "").lower() == "title":
                return 0
            if found := _HEADING.fullmatch(style.name or ""):
                return int(found[1])
            if (level := _outline(style.element.pPr)) is not None:
                return level if level <= _BODY_LEVEL else None
        return None

    def mark(self, paragraph: Paragraph) -> str:
        """``- `` or ``1. `` for an item of a list, '' for other text."""
        properties = paragraph._p.pPr
        numbered = _numbering(properties)
        for style in self._chain(properties):
            numbered = numbered or _numbering(style.element.pPr)
        if not numbered or not numbered[0]:
            return ""
        if numbered in self._bullets:
            return "- "
        self._counts[numbered] += 1
        for other in [one for one in self._counts if one[0] == numbered[0] and one[1] > numbered[1]]:
            del self._counts[other]
        return f"{self._counts[numbered]}. "

    def _chain(self, properties: Any) -> list[Any]:
        """The paragraph's style and those it is based on."""
        chain: list[Any] = []
        style_id = properties.pStyle.val if properties is not None and properties.pStyle is not None else None
        while (style := self._styles.get(style_id)) is not None and len(chain) < _MOST_BASES:
            chain.append(style)
            based_on = style.element.find(_name("basedOn"))
            style_id = based_on.get(_name("val")) if based_on is not None else None
        return chain


def _name(tag: str) -> str:
    return f"{{http://schemas.openxmlformats.org/wordprocessingml/2006/main}}{tag}"


def _outline(properties: Any) -> int | None:
    """The outline level counted from 1; 10 says that it is body text."""
    found = properties.find(_name("outlineLvl")) if properties is not None else None
    value = found.get(_name("val"), "") if found is not None else ""
    return int(value) + 1 if value.isdecimal() and len(value) == 1 else None


def _numbering(properties: Any) -> tuple[int, int] | None:
    """List and level; list 0 means that this paragraph leaves its style's list."""
    found = properties.find(_name("numPr")) if properties is not None else None
    if found is None:
        return None
    number, level = (_value(found.find(_name(tag))) for tag in ("numId", "ilvl"))
    return None if number is None else (number, level or 0)


def _value(element: Any) -> int | None:
    value = element.get(_name("val"), "") if element is not None else ""
    return int(value) if value.isdecimal() and len(value) < 9 else None


def _bullets(document: Document) -> set[tuple[int | None, int | None]]:
    """Lists and levels whose mark is a bullet."""
    try:
        root = document.part.numbering_part.element
    except (KeyError, NotImplementedError):  # the document has no lists
        return set()
    bulleted: dict[int | None, list[int | None]] = {}
    for abstract in root.iterfind(_name("abstractNum")):
        bulleted[_id(abstract, "abstractNumId")] = [
            _id(level, "ilvl")
            for level in abstract.iterfind(_name("lvl"))
            if (style := level.find(_name("numFmt"))) is not None and style.get(_name("val")) == "bullet"
        ]
    return {
        (_id(number, "numId"), level)
        for number in root.iterfind(_name("num"))
        for level in bulleted.get(_value(number.find(_name("abstractNumId"))), [])
    }


def _id(element: Any, attribute: str) -> int | None:
    value = element.get(_name(attribute), "")
    return int(value) if value.isdecimal() and len(value) < 9 else None
