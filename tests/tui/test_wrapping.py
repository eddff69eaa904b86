"""What Textual draws breaks between Chinese characters, too."""

from __future__ import annotations

from textual.app import App
from textual.widgets import Static, TextArea

from tarot_tui.tui import wrapping


class Narrow(App[None]):
    """A sentence, shown and in a field, on a screen of 20 cells."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence

    def compose(self):
        yield Static(self.sentence, markup=False)
        yield TextArea(self.sentence, compact=True, show_line_numbers=False)


async def test_a_sentence_fills_its_lines(text_of):
    wrapping.install()
    async with Narrow("hub 這台機器上的模型無法").run_test(size=(20, 12)) as pilot:
        await pilot.pause()
        assert text_of(pilot.app).count("hub 這台機器") == 2
