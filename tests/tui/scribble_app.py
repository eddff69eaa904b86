"""A small app that paints every awkward thing; its driver writes down what Textual wanted to send."""

import json
import sys

from rich.text import Text
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input, Log, Static

from tarot_tui.tui import base
from tarot_tui.tui.driver import SlimDriver

WIDE = [
    "聖杯三",
    "ｗｉｄｅ and narrow",
    "é combining e\u0301 世界",
    "half 聖 half",
    "聖 half 聖 half",
    "plain",
]


class Recorder(SlimDriver):
    def write(self, data):
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.write(json.dumps([self._app.size.width, self._app.size.height, data]) + "\n")
        super().write(data)


class Dialog(ModalScreen):
    CSS = "Dialog { align: center middle; } Dialog Static { width: 31; height: 5; border: round red; }"

    def compose(self):
        yield Static("question 問題 [b]bold[/b] " * 4)

    def key_d(self):
        self.dismiss()


class Scribble(base.TarotApp):
    CSS = "Log, DataTable, VerticalScroll { height: 5; } #note { width: 60%; background: $primary; }"
    turn = 0

    def compose(self):
        yield Static(id="note")
        yield DataTable()
        yield Log()
        with VerticalScroll():
            for number in range(20):
                yield Static(
                    f"{number} 命運之輪 [link='https://example.org/{number}']linked[/link] [i]italic[/i]"
                )
        yield Input()

    def on_mount(self):
        self.query_one(DataTable).add_columns("a", "欄", "c")
        self.query_one(DataTable).focus()

    def key_n(self):
        self.turn += 1
        note = Text(WIDE[self.turn % len(WIDE)] + " " * (self.turn % 3) + WIDE[-self.turn % len(WIDE)])
        note.stylize("bold red" if self.turn % 2 else "reverse", self.turn % 5, 6)
        self.query_one("#note").update(note)
        self.query_one(DataTable).add_row(str(self.turn), WIDE[self.turn % len(WIDE)], "x" * (self.turn % 7))
        self.query_one(Log).write_line(f"{self.turn} {WIDE[self.turn % len(WIDE)] * 9}")
        self.query_one(VerticalScroll).scroll_relative(y=1, animate=False)

    def key_d(self):
        self.push_screen(Dialog())

    def key_b(self):
        self.bell()

    def key_x(self):
        self.exit()

    def key_k(self):
        raise RuntimeError("broken on purpose")


if __name__ == "__main__":
    base.driver_class = lambda: Recorder
    app = Scribble()
    app.run()
    sys.exit(app.return_code)
