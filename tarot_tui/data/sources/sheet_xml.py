"""What a workbook in xlsx form says of its sheets beyond values: number formats, hidden rows, formulas never computed.

Read from the raw parts (ECMA-376 part 1: 18.2 workbook, 18.3 worksheets, 18.8 styles) a block of rows at a time,
since no sheet has to fit into memory.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tarot_tui.data.sources.number_format import BUILT_IN, Show, parse

_CHUNK = 1 << 20
_LONGEST_BLOCK = 1 << 24
_LARGEST_PART = 1 << 25
_ROWS_NAMED = 5

# Attributes are looked for within a bound: a search to the end for each of a million torn tags would not end.
_HIDDEN_ROW = re.compile(
    rb"""<(?:\w+:)?row\b(?=[^>]{0,500}\bhidden=["'](?:1|true)["'])[^>]{0,500}\br=["'](\d{1,7})["']"""
)
_NEVER_COMPUTED = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]{0,500}/>)\s*(?:<v\s*/>|<v></v>)?\s*</(?:\w+:)?c>"
)


@dataclass
class Remarks:
    """Hidden rows (the first few by number) and formulas whose result is not stored."""

    hidden_rows: list[int] = field(default_factory=list)
    hidden_count: int = 0
    never_computed: int = 0


class Parts:
    """The raw parts of one workbook; empty of remarks and formats where they cannot be understood."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._members = _sheet_members(self._archive)
        self.formats = _formats(self._archive)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def remarks(self, sheet: str) -> Remarks:
        """What is to be said of ``sheet``, from one pass over it."""
        found = Remarks()
        for block in self._blocks(sheet):
            if b"hidden=" in block:
                rows = [int(row) for row in _HIDDEN_ROW.findall(block)]
                found.hidden_count += len(rows)
                found.hidden_rows += rows[: _ROWS_NAMED - len(found.hidden_rows)]
            if b"<f" in block or b":f" in block:
                found.never_computed += len(_NEVER_COMPUTED.findall(block))
        return found

    def formatted(self, sheet: str) -> Iterator[tuple[int, dict[int, Show]]]:
        """Rows with cells whose format matters: row and column → format, both counted from 0, rows ascending."""
        if not self.formats:
            return
        wanted = b"|".join(b"%d" % style for style in sorted(self.formats))
        cell = re.compile(
            rb"""<(?:\w+:)?c\b(?=[^>]{0,200}\bs=["'](%b)["'])[^>]{0,200}?\br=["']([A-Z]{1,3})(\d{1,7})["']"""
            % wanted
        )
        for block in self._blocks(sheet):
            rows: dict[int, dict[int, Show]] = {}
            for style, letters, row in cell.findall(block):
                rows.setdefault(int(row) - 1, {})[column_number(letters) - 1] = self.formats[int(style)]
            yield from sorted(rows.items())

    def _blocks(self, sheet: str) -> Iterator[bytes]:
        """The sheet's XML, cut behind the ends of rows."""
        if not (member := self._members.get(sheet)):
            return
        with self._archive.open(member) as file:
            rest = b""
            while chunk := file.read(_CHUNK):
                whole, end, rest = (rest + chunk).rpartition(b"</row>")
                yield whole + end
                if len(rest) > _LONGEST_BLOCK:
                    rest = b""
            yield rest


def column_number(letters: bytes) -> int:
    """``A`` → 1, ``XFD`` → 16384."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _sheet_members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet's name → name of its part."""
    relations = _parsed(archive, "xl/_rels/workbook.xml.rels")
    workbook = _parsed(archive, "xl/workbook.xml")
    if relations is None or workbook is None:
        return {}
    targets = {
        one.get("Id"): posixpath.normpath(posixpath.join("/xl", one.get("Target", ""))).lstrip("/")
        for one in relations
    }
    members = set(archive.namelist())
    return {
        sheet.get("name", ""): target
        for sheet in workbook.iterfind("{*}sheets/{*}sheet")
        # The namespace of r:id differs between the two variants of the standard.
        for key, relation in sheet.items()
        if key.endswith("}id") and (target := targets.get(relation)) in members
    }


def _formats(archive: zipfile.ZipFile) -> dict[int, Show]:
    """Index of a cell style → how it shows numbers, for the styles that show them in a way of their own."""
    styles = _parsed(archive, "xl/styles.xml")
    if styles is None:
        return {}
    codes = dict(BUILT_IN)
    for one in styles.iterfind("{*}numFmts/{*}numFmt"):
        codes[_number(one.get("numFmtId"))] = one.get("formatCode", "")
    shows = {}
    for index, style in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
        if show := parse(codes.get(_number(style.get("numFmtId")), "")):
            shows[index] = show
    return shows


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else -1


def _parsed(archive: zipfile.ZipFile, name: str) -> ElementTree.Element | None:
    """A small part; None when it is absent, large, broken, or declares entities, which no office program does."""
    try:
        if archive.getinfo(name).file_size > _LARGEST_PART:
            return None
        text = archive.read(name)
        return None if b"<!DOCTYPE" in text else ElementTree.fromstring(text)
    except (KeyError, ElementTree.ParseError):
        return None
