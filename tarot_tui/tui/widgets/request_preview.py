"""The first samples that a request would make, and the columns that a template can use: read beside the screen."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line, plain
from tarot_tui.tui.asked import Asked

_MODULE = "tarot_tui.tui.preview"

#: Seconds without a change before a preview is read.
_PAUSE = 0.3
#: Characters of a question or answer that are shown, and of a column's example.
_LONG, _EXAMPLE = 240, 60
#: Columns of a table that are listed.
_COLUMNS = 30


class RequestPreview(Vertical):
    """Samples first, since they are what will be learned; then the columns with an example of each."""

    DEFAULT_CSS = """
    RequestPreview { height: auto; }
    RequestPreview Static { height: auto; }
    RequestPreview #columns { margin-top: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._reader = Asked([sys.executable, "-P", "-m", _MODULE])
        #: The tables of the documents as last read: ``name``, and ``columns`` with an example each.
        self.tables: list[dict[str, Any]] = []

    def compose(self) -> ComposeResult:
        """A heading, the samples, the columns."""
        yield Static(id="heading", markup=False)
        yield Static(id="samples", markup=False)
        yield Static(id="columns", markup=False)

    def preview(
        self, project: Project, sources: Sequence[str], template: str, text: str | None = None
    ) -> None:
        """Show what ``sources`` would give.

        ``template`` is a path, or empty for one sample per cell; ``text`` what it is to be, when that is not saved.
        """
        if not sources:
            self.workers.cancel_group(self, "preview")
            self._show("", "", "")
            return
        request = {
            "root": str(project.root.resolve()),
            "sources": list(sources),
            "template": template,
            "text": text,
        }
        # A call, not a coroutine: one that is replaced before it began would be left unawaited.
        self.run_worker(partial(self._read, request), group="preview", exclusive=True)

    async def on_unmount(self) -> None:
        """End the child that reads."""
        await self._reader.close()

    async def _read(self, request: dict[str, Any]) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            found = await self._reader.ask(request)
        except TarotError as error:
            self._show(Content.styled(plain(str(error)), "$text-error"), "", "")
            return
        self.tables = found["tables"]
        if found["wrong"]:
            self._show(Content.styled(plain(found["wrong"]), "$text-error"), "", _columns(found))
        else:
            heading = Content.styled(_("The first samples"), "bold $primary")
            self._show(heading, _samples(found), _columns(found))

    def _show(self, heading: Content | str, samples: Table | str, columns: Group | str) -> None:
        if not self.query("#heading"):
            return  # the screen is just being left: its parts go before it does
        self.query_one("#heading", Static).update(heading)
        self.query_one("#samples", Static).update(samples)
        self.query_one("#samples").display = bool(samples)
        self.query_one("#columns", Static).update(columns)


def _samples(found: dict[str, Any]) -> Table | str:
    if not found["samples"]:
        return _("None: the template finds nothing in these documents.")
    # Two columns: a Chinese sentence is one long word, which would leave its letter alone on a line.
    table = Table.grid(padding=(0, 2, 0, 0))
    for sample in found["samples"]:
        question = "\n".join(filter(None, (sample.get("instruction"), sample.get("input"))))
        for letter, text in (("Q", question), ("A", str(sample.get("output", "")))):
            table.add_row(Text(letter, "bold"), Text(one_line(text, _LONG), overflow="fold"))
    return table


def _columns(found: dict[str, Any]) -> Group:
    """Every table with its columns, one a line, and the first cell of each that holds something."""
    parts: list[RenderableType] = [Text(_("Columns that a template can use"), "bold")]
    for table in found["tables"]:
        rows = Table.grid(padding=(0, 2, 0, 0))
        columns = table["columns"]
        for name, example in columns[:_COLUMNS]:
            shown = Text(one_line(example, _EXAMPLE), "dim", overflow="ellipsis", no_wrap=True)
            rows.add_row(Text(f"  {{{one_line(name, 40)}}}"), shown)
        if len(columns) > _COLUMNS:
            rows.add_row(Text(_("  … and {count} more").format(count=len(columns) - _COLUMNS)))
        parts += [Text(one_line(table["name"], 60)), rows]
    parts += [Text(one_line(problem), "bold") for problem in found["problems"]]
    return Group(*parts)
