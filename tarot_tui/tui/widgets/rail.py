"""The rail at the left: the seven steps, which are done, and where one is."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.tui.steps import STEPS, Mark


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
        wide = self.size.width >= 22
        lines = [
            Content.styled("tarot-tui", "bold $primary"),
            Content.styled(one_line(self._project.root.resolve().name, self.size.width), "$text-muted"),
            Content(""),
        ]
        for number, step in enumerate(STEPS, 1):
            mark = self._marks.get(step.id, Mark(False))
            here = step.id == self._current
            sign, style = self._look(mark, here)
            head = Content.styled(f"{number} {sign} {_(step.title)}", f"{style} bold" if here else style)
            lines.append(head)
            if wide:
                lines += [Content.styled(f"    {self._words(mark, here)}", "$text-muted"), Content("")]
        return Content("\n").join(lines)

    @staticmethod
    def _look(mark: Mark, here: bool) -> tuple[str, str]:
        if here:
            return "▶", "$stage-active"
        return ("✓", "$stage-done") if mark.done else ("·", "$stage-todo")

    def _words(self, mark: Mark, here: bool) -> str:
        state = _("done") if mark.done else (_("here") if here else _("to do"))
        words = f"{state}: {mark.note}" if mark.note else state
        return one_line(words, max(4, self.size.width - 5))
