"""Screens over a step that follow a change of the language while they are open."""

from __future__ import annotations

from textual.screen import Screen


class Translated(Screen):  # type: ignore[type-arg]
    """Composed anew in the new language; then it shows again what it showed."""

    #: Whether its widgets are being taken out and made anew just now.
    in_between = False

    async def in_new_language(self) -> None:
        """Say everything in the language that is in use now."""
        self.in_between = True
        try:
            await self.recompose()
        finally:
            self.in_between = False
        if self.AUTO_FOCUS and (found := self.query(self.AUTO_FOCUS)):
            self.set_focus(found.first(), scroll_visible=False)
        self.show_again()

    def show_again(self) -> None:
        """Fill the new widgets with what the old ones showed."""
