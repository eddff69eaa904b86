"""The line that shows how to do the same without the wizard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.tui.child import typed


class ShellLine(Widget):
    """``the same from the shell: tarot-tui …``, quoted so that it can be pasted as it is."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._away = root.resolve() != Path.cwd().resolve()
        self.argv: list[str] = []

    @property
    def command(self) -> str:
        """The command as one would type it in the project folder; empty when there is none."""
        return typed(self.argv) if self.argv else ""

    def show(self, argv: Sequence[str]) -> None:
        """Show another command."""
        if list(argv) != self.argv:
            self.argv = list(argv)
            self.refresh(layout=True)

    def render(self) -> Content:
        """The line, wrapped by Textual where it is too long."""
        if not self.argv:
            return Content("")
        label = (
            _("the same from the shell, in the project folder:")
            if self._away
            else _("the same from the shell:")
        )
        return Content.styled(f"{label} ", "$text-muted") + Content.styled(self.command, "$text-primary")
