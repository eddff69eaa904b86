"""The line that shows how to do the same without the wizard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content
from textual.widget import Widget

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.tui.child import typed

#: Cells of width from which there is room for the whole sentence.
_WIDE = 110


class ShellLine(Widget):
    """``the same from the shell: tarot-tui …``, quoted so that it can be pasted as it is; in fewer words where it is narrow."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._folder = "" if root.resolve() == Path.cwd().resolve() else one_line(root.resolve().name, 20)
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
        if self.app.size.width < _WIDE:
            label = _("shell, in {folder}:").format(folder=self._folder) if self._folder else _("shell:")
        elif self._folder:
            label = _("the same from the shell, in the project folder:")
        else:
            label = _("the same from the shell:")
        return Content.styled(f"{label} ", "$text-muted") + Content.styled(self.command, "$text-primary")
