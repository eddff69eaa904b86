"""Word documents: paragraphs as rows, then the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.data.sources import archive, headings
from tarot_tui.data.sources.table import TEXT, Note, Table, clean, fitted
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from docx.document import Document

SECTION = "段落"
TABLE = "表格{number}"

# python-docx holds the document as a tree, some ten times its size.
_LARGEST = 256_000_000


def tables(path: Path, *, header: int | None, note: Note, preview: bool) -> Iterator[Table]:
    """Section ``段落``: the paragraphs outside tables, empty ones counted; then ``表格1`` …, first row as header."""
    if archive.kind_of(path) == "ole":
        raise BadInput(archive.protected(path))
    archive.check(path, _LARGEST, lambda name: not name.startswith("word/media/"))
    document = _open(path)
    paragraphs = ((clean(paragraph.text),) for paragraph in document.paragraphs)
    yield Table(path, SECTION, (TEXT,), "text", values=paragraphs)
    for number, table in enumerate(document.tables, 1):
        rows = ([clean(cell.text) for cell in row.cells] for row in table.rows)
        header = next(rows, None)
        if header:
            columns = headings.name_columns(path, header)
            yield Table(
                path,
                TABLE.format(number=number),
                columns,
                "grid",
                main=False,
                values=fitted(rows, len(columns)),
            )


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
            ).format(file=path, reason=one_line(str(error) or type(error).__name__, 120))
        ) from None
