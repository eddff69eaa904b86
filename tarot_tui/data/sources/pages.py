"""PDF: the text of each page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.data.sources import archive
from tarot_tui.data.sources.table import TEXT, Note, Reading, Table, clean, shown
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

SECTION = "頁"

# What PDFium puts where a word was divided at the end of a line.
_DIVIDED = "\ufffe"


def tables(path: Path, reading: Reading, note: Note) -> Iterator[Table]:
    """One table of section ``頁`` with the column ``text``, a row a page; pages without text are noted."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            yield Table(path, SECTION, (TEXT,), "text", values=_values(path, document, note))
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise BadInput(archive.protected(path)) from None
        raise BadInput(
            _("{file} is damaged or no pdf file ({reason}).").format(
                file=shown(path), reason=one_line(str(error), 120)
            )
        ) from None


def _values(path: Path, document: PdfDocument, note: Note) -> Iterator[tuple[str]]:
    blank = 0
    for page in document:
        text = clean(page.get_textpage().get_text_range().replace(_DIVIDED, ""))
        page.close()
        blank += not text
        yield (text,)
    if blank:
        text = _("{file}: {blank} of {count} pages hold no text; pictures of text are not read.")
        text = text.format(file=one_line(path.name), blank=blank, count=len(document))
        note(Finding("data.pages_without_text", "warning", text))
