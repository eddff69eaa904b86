"""Markdown: a row for each heading, with the text below it as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tarot_tui.data.sources.encoding import detect, lines
from tarot_tui.data.sources.sections import BODY, HEADING, sections
from tarot_tui.data.sources.table import Note, Reading, Table, clean

CHAPTERS = "章節"

# CommonMark 0.31: 4.2 ATX headings, 4.3 setext headings, 4.5 fenced code blocks.
_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t\n]|$)")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*\n?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NO_PARAGRAPH = re.compile(r"[ \t]*(?:[-*+>|#]|\d+[.)]|$)")


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table of section ``章節`` with the columns ``heading`` and ``body``."""
    text = lines(path, detect(path, whole=not reading.preview))
    values = sections(path, _levelled(_without_front_matter(text)))
    yield Table(path, CHAPTERS, (HEADING, BODY), "text", context=(HEADING,), values=values)


def _without_front_matter(text: Iterable[str]) -> Iterator[str]:
    """The lines below the block of settings between ``---`` that many tools put on top."""
    text = iter(text)
    first = next(text, "")
    if first.rstrip() != "---":
        yield first
        yield from text
        return
    settings = [first]
    for line in text:
        settings.append(line)
        if line.rstrip() in ("---", "..."):
            break
        if len(settings) > 200 or not line.strip():
            yield from settings
            break
    else:
        yield from settings
    yield from text


def _levelled(text: Iterable[str]) -> Iterator[tuple[int | None, str]]:
    """Each line with its level if it is a heading; the underline of a heading is dropped."""
    fence, before = "", None
    for line in text:
        bare = line.rstrip("\n")
        found = _FENCE.match(line)
        if fence or found:
            if before is not None:
                yield None, before
                before = None
            yield None, bare
            if not fence:
                fence = found[1] if found else ""
            elif found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if before is not None and (underline := _SETEXT.fullmatch(line)):
            yield 1 if underline[1][0] == "=" else 2, clean(before)
            before = None
            continue
        if before is not None:
            yield None, before
            before = None
        if heading := _ATX.match(line):
            yield len(heading[1]), _without_closing_marks(bare[heading.end() :])
        elif _NO_PARAGRAPH.match(bare):
            yield None, bare
        else:
            before = bare
    if before is not None:
        yield None, before


def _without_closing_marks(heading: str) -> str:
    """``Title ##`` → ``Title``; ``C#`` stays."""
    text = clean(heading)
    bare = text.rstrip("#")
    return clean(bare) if not bare or bare[-1] in " \t" else text
