"""The first samples that a request would make, and the columns that a template can use: read beside the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

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
from tarot_tui.tui import child

#: Seconds without a change before a preview is read.
_PAUSE = 0.3
#: Characters of a question or answer that are shown.
_LONG = 240


class RequestPreview(Vertical):
    """Samples first, since they are what will be learned; then the columns with an example of each."""

    DEFAULT_CSS = """
    RequestPreview { height: auto; }
    RequestPreview Static { height: auto; }
    RequestPreview #columns { margin-top: 1; }
    """

    def compose(self) -> ComposeResult:
        """A heading, the samples, the columns."""
        yield Static(id="heading", markup=False)
        yield Static(id="samples", markup=False)
        yield Static(id="columns", markup=False)

    def preview(self, project: Project, sources: Sequence[str], template: str) -> None:
        """Show what ``sources`` would give; ``template`` is a path, or empty for one sample per cell."""
        if not sources:
            self.workers.cancel_group(self, "preview")
            self._show("", "", Content(""))
            return
        self.run_worker(self._read(project, list(sources), template), group="preview", exclusive=True)

    async def _read(self, project: Project, sources: list[str], template: str) -> None:
        await asyncio.sleep(_PAUSE)
        argv = [*(["--template", template] if template else []), "--", *sources]
        try:
            found = (await child.ask(project, "tarot_tui.tui.preview", argv)).expect_success()
        except TarotError as error:
            self._show(Content.styled(str(error), "$text-error"), "", Content(""))
            return
        heading = Content.styled(_("The first samples"), "bold $primary")
        self._show(heading, _samples(found), _columns(found))

    def _show(self, heading: Content | str, samples: Table | str, columns: Content) -> None:
        self.query_one("#heading", Static).update(heading)
        self.query_one("#samples", Static).update(samples)
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


def _columns(found: dict[str, Any]) -> Content:
    lines = [Content.styled(_("Columns that a template can use"), "bold $primary")]
    for table in found["tables"]:
        named = ", ".join(
            f"{{{plain(name)}}} {one_line(example, 24)}" if example else f"{{{plain(name)}}}"
            for name, example in table["columns"]
        )
        lines.append(
            Content.styled(f"{one_line(table['name'], 60)}  ", "bold") + Content(one_line(named, 400))
        )
    return Content("\n").join(lines)
