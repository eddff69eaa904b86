"""Word documents: paragraphs under their headings, tables, text boxes, footnotes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data.sources import archive, headings
from tarot_tui.data.sources.sections import BODY, HEADING, sections
from tarot_tui.data.sources.table import TEXT, Note, Reading, Table, clean, fitted, shown
from tarot_tui.data.sources.word_styles import Styles
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell, _Row

# Data, like the names of sheets: not translated.
PARAGRAPHS = "段落"
CHAPTERS = "章節"
TABLE = "表格{number}"
TEXT_BOXES = "文字方塊"
NOTES = "註腳"

# python-docx holds the document as a tree, some ten times its size.
_LARGEST = 128_000_000
_NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """The tables of a document, in this order.

    ``段落``: the paragraphs outside tables, empty ones counted, each with the heading above it. ``章節``, for
    patterns: heading and all text below it, lists with their marks. ``表格1`` …: the tables, first row as header, a
    merged cell's text in each cell it covers. ``文字方塊`` and ``註腳``: text boxes; footnotes and endnotes.
    """
    if archive.kind_of(path) == "ole":
        raise BadInput(archive.protected(path))
    archive.check(path, _LARGEST, lambda name: not name.startswith("word/media/"))
    document = _open(path)
    paragraphs = list(_paragraphs(document))
    yield Table(
        path, PARAGRAPHS, (TEXT, HEADING), "text", context=(HEADING,),
        values=[(text, heading) for text, heading, _level, _mark in paragraphs],
    )  # fmt: skip
    if any(level is not None for _text, _heading, level, _mark in paragraphs):
        marked = ((level, mark + text) for text, _heading, level, mark in paragraphs)
        both = (HEADING, BODY)
        yield Table(path, CHAPTERS, both, "grid", False, both, values=sections(path, marked))
    yield from _grids(path, document)
    for section, texts in ((TEXT_BOXES, _text_boxes(document)), (NOTES, _notes(document))):
        if any(texts):
            yield Table(path, section, (TEXT,), "text", False, values=[(text,) for text in texts])


def _open(path: Path) -> Document:
    import docx

    try:
        return docx.Document(str(path))
    except OSError:
        raise
    except Exception as error:  # whatever a parser says of a file that is none
        raise BadInput(
            _(
                "{file} cannot be read as a Word document ({reason}): open it in Word and save it anew."
            ).format(file=shown(path), reason=one_line(str(error) or type(error).__name__, 120))
        ) from None


def _paragraphs(document: Document) -> Iterator[tuple[str, str, int | None, str]]:
    """Each paragraph's text, the heading above it, its own level if it is a heading, and its mark in a list."""
    styles = Styles(document)
    above: list[tuple[int, str]] = []
    for paragraph in document.paragraphs:
        text, level = clean(paragraph.text), styles.level(paragraph)
        if level is not None:
            above = [one for one in above if one[0] < level]
        yield text, above[-1][1] if above else "", level, styles.mark(paragraph) if text else ""
        if level is not None and text:
            above.append((level, text))


def _grids(path: Path, document: Document) -> Iterator[Table]:
    for number, table in enumerate(document.tables, 1):
        rows = ([clean(cell.text) for cell in _cells(path, row)] for row in table.rows)
        if header := next(rows, None):
            columns = headings.name_columns(path, header)
            section = TABLE.format(number=number)
            yield Table(path, section, columns, "grid", False, values=fitted(rows, len(columns)))


def _cells(path: Path, row: _Row) -> Sequence[_Cell]:
    """The row's cells, one for each column: a document can say in ten letters that one reaches over a billion."""
    headings.check_width(path, sum(cell.grid_span for cell in row._tr.tc_lst))
    return row.cells


def _text_boxes(document: Document) -> list[str]:
    """The text of each box; a box is stored twice, the second time for old programs."""
    boxes = _find(document.element.body, ".//w:txbxContent[not(ancestor::mc:Fallback)]")
    return [_text(box) for box in boxes]


def _notes(document: Document) -> list[str]:
    from docx.oxml import parse_xml

    found = []
    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/footnotes", "/endnotes")):
            root = parse_xml(relation.target_part.blob)
            # Those with a type are the lines between text and notes.
            found += [_text(one) for one in _find(root, "./*[not(@w:type) or @w:type='normal']")]
    return found


def _text(element: Any) -> str:
    """The paragraphs within ``element``, a line each."""
    paragraphs = _find(element, ".//w:p")
    return clean("\n".join("".join(_find(one, ".//w:t/text()")) for one in paragraphs))


def _find(element: Any, expression: str) -> Sequence[Any]:
    # The library's own elements know their namespaces and take no others.
    from lxml import etree

    return etree._Element.xpath(element, expression, namespaces=_NAMESPACES)
