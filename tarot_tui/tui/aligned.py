"""Names and what there is to say of each, in two columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text


def aligned(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """The names dim at the left; what does not fit into a line beside them goes on below itself."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows:
        shown = Text(value) if isinstance(value, str) else value
        shown.overflow = "fold"
        table.add_row(Text(name, "dim", no_wrap=True), shown)
    return table
