"""The rail at the left: the seven steps, which are done, and where one is."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widget import Widget

from tarot_tui.project import Project
from tarot_tui.tui.rail_lines import rail_lines
from tarot_tui.tui.steps import Mark

_STYLES = {
    "name": "bold $primary",
    "note": "$text-muted",
    "here": "$stage-active bold",
    "done": "$stage-done",
    "todo": "$stage-todo",
}


class Rail(Widget):
    """Narrow: number, mark, name. Wide: a second line per step says in words what the mark means."""

    def __init__(self, project: Project, current: str) -> None:
        super().__init__()
        self._project = project
        self._current = current
        self._marks: Mapping[str, Mark] = {}

    def show(self, marks: Mapping[str, Mark]) -> None:
        """Draw these marks."""
        if marks != self._marks:
            self._marks = marks
            self.refresh()

    def render(self) -> Content:
        """The whole rail as text."""
        name = self._project.root.resolve().name
        lines = rail_lines(name, self._marks, self._current, self.size.width)
        return Content("\n").join(
            Content("").join(Content.styled(text, _STYLES[role]) for role, text in line) for line in lines
        )
