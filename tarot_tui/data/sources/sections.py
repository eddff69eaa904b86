"""Text under its headings: a row for each heading with all that follows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tarot_tui.data.sources.table import LONGEST, clean, shown
from tarot_tui.errors import BadInput
from tarot_tui.locale import _

#: The columns.
HEADING = "heading"
BODY = "body"


def sections(path: Path, lines: Iterable[tuple[int | None, str]]) -> Iterator[tuple[str, str]]:
    """Heading and body of each section, out of lines with the level of those that are headings.

    What stands above the first heading is a section with an empty one. Raises BadInput for one beyond ``LONGEST``.
    """
    heading, body, length = "", [], 0
    for level, line in lines:
        if level is None:
            body.append(line)
            length += len(line) + 1
            if length > LONGEST:
                raise BadInput(
                    _("{file}: the text under '{heading}' is longer than {limit} characters.").format(
                        file=shown(path), heading=heading[:60], limit=f"{LONGEST:,}"
                    )
                )
            continue
        if heading or any(body):
            yield heading, clean("\n".join(body))
        heading, body, length = line, [], 0
    if heading or any(body):
        yield heading, clean("\n".join(body))
