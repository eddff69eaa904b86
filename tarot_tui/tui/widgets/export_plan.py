"""What an export will write and take here, computed beside the screen by the very command that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from textual.content import Content
from textual.widgets import Static

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration, size
from tarot_tui.tui import child
from tarot_tui.tui.aligned import aligned

#: Seconds without a change before it is computed.
_PAUSE = 0.4


class ExportPlan(Static):
    """A few figures; what stands in the way of the export in their place."""

    DEFAULT_CSS = """
    ExportPlan { height: auto; margin-top: 1; }
    """

    def compute(self, project: Project, argv: Sequence[str]) -> None:
        """Compute what the export ``argv`` would take, after a short pause; an earlier computation is ended."""
        self.run_worker(partial(self._compute, project, list(argv)), group="plan", exclusive=True)

    def nothing(self) -> None:
        """There is nothing to export."""
        self.workers.cancel_group(self, "plan")
        self.update("")

    async def _compute(self, project: Project, argv: list[str]) -> None:
        await asyncio.sleep(_PAUSE)
        try:
            found = (await child.run(project, [*argv, "--dry-run"])).expect_success()
        except TarotError as error:
            self.update(Content.styled(str(error), "$text-error"))
            return
        self.update(aligned(_figures(found)))


def _figures(found: dict[str, Any]) -> list[tuple[str, str]]:
    cost = found["cost"]
    written = ", ".join(size(count) for count in found["bytes"].values())
    return [
        (_("file"), written + _("; {free} free").format(free=size(cost["free"]))),
        (_("time"), _("about {time}").format(time=duration(cost["seconds"]))),
        (_("memory"), _("about {size}").format(size=size(cost["memory"]))),
    ]
