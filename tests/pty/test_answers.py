"""Terminals that answer what they are asked, and those that do not, or late, or nonsense: no answer is ever a key."""

from __future__ import annotations

import sys
import time
import unicodedata

import pyte
import pytest

from tarot_tui import personal
from tarot_tui.project import create
from tarot_tui.tui import theme

#: Says each key that arrives, as one who types would see it.
APP = """
from textual.widgets import Input, Static
from tarot_tui.tui.base import TarotApp

class Typed(TarotApp):
    def compose(self):
        yield Input()
        yield Static("it is there")

    def on_input_submitted(self, event):
        self.exit()
        print(repr(event.value))

    def on_input_changed(self, event):
        self.query_one(Static).update(f"typed: {event.value!r} in {self.theme}")

Typed().run()
"""
ASKED, LIGHT = b"\x1b]11;?", b"\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\"


def says(said, after=0.0, apart=0.0, pieces=1):
    """A terminal that answers the question for its background with ``said``, and where its cursor is."""

    def answer(data, screen):
        size = max(1, -(-len(said) // pieces))
        if ASKED in data:
            parts = [said[at : at + size] for at in range(0, len(said), size)]
            yield from ((after + number * apart, part) for number, part in enumerate(parts))
        if b"\x1b[6n" in data:
            yield after + pieces * apart + 0.05, b"\x1b[%d;%dR" % (screen.cursor.y + 1, screen.cursor.x + 1)

    return answer


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    for name in ("NO_COLOR", "COLORFGBG", "TAROT_TUI_THEME", "STY", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def typed(tmp_path, terminal):
    """The app that says what was typed, in a terminal that answers as given."""

    def start(answer=None, **environment):
        return terminal(
            "-c", APP, cwd=tmp_path, program=[sys.executable], answer=answer, environment=environment
        )

    return start


@pytest.mark.parametrize(
    "answer", [says(LIGHT, after=0.9), says(LIGHT, apart=0.3, pieces=3)], ids=["late", "in pieces"]
)
def test_a_light_background_gets_the_light_theme_and_the_next_start_begins_with_it(typed, answer):
    one = typed(answer)
    one.wait_for("it is there")
    deadline = time.monotonic() + 60  # keys come before an answer or behind it, but not within
    while personal.recall("background") != "light" and time.monotonic() < deadline:
        time.sleep(0.05)
    one.type("abc")
    one.type("d")
    one.wait_for("typed: 'abcd' in parchment")
    one.press("\r")
    assert one.process.wait(60) == 0
    assert theme.choose({}, "truecolor", {}) == "parchment"


@pytest.mark.parametrize(
    "said",
    [None, b"\x1b]11;rgb:0000/2b2b/3636\x07", b"\x1b]11;rgb:12", b"\x1b]11;pink lady\x07"],
    ids=["silent", "dark", "half", "a name"],
)
def test_any_other_answer_changes_nothing_and_is_no_key(typed, said):
    one = typed(says(said, after=0.2) if said else None)
    one.wait_for("it is there")
    time.sleep(0.4)
    one.type("xyz")
    one.wait_for("typed: 'xyz' in night")


def test_a_theme_that_was_chosen_stays(typed):
    one = typed(says(LIGHT), TAROT_TUI_THEME="justice")
    one.wait_for("it is there")
    time.sleep(0.5)
    one.type("x")
    one.wait_for("typed: 'x' in justice")


def test_a_terminal_that_would_show_the_question_is_not_asked(typed):
    one = typed(says(LIGHT), TERM="linux")
    one.wait_for("it is there")
    assert ASKED not in one.sent and b"\x1b[6n" in one.sent


def test_who_leaves_before_the_answer_comes_finds_none_of_it_at_the_prompt(tmp_path, terminal):
    argv = f"{sys.executable} -c '{APP}'; read -rp 'prompt> ' line; echo \"got: [$line]\""
    one = terminal("-c", argv, cwd=tmp_path, program=["bash"], answer=says(LIGHT, after=0.25))
    end = time.monotonic() + 60
    while ASKED not in one.sent and time.monotonic() < end:
        time.sleep(0.002)
    one.press("\r")  # typed before anything was to be seen
    one.wait_for("prompt>")
    time.sleep(0.4)
    one.press("ls\r")
    one.wait_for("got: [ls]")


@pytest.fixture
def as_wide(monkeypatch):
    """Let pyte draw what Unicode calls ambiguous over two cells, as terminals for Chinese can be told to."""
    width = pyte.screens.wcwidth
    monkeypatch.setattr(
        pyte.screens, "wcwidth", lambda one: 2 if unicodedata.east_asian_width(one) == "A" else width(one)
    )


def is_framed(one):
    """Whether the palette stands in a frame of signs that take one cell everywhere, and so does all else."""
    drawn = [cell.data for cell in one.cells()]
    rows = [drawn[at : at + 110] for at in range(0, len(drawn), 110)]
    edges = [row for row, cells in enumerate(rows) if cells.count("+") == 2]
    if len(edges) != 2 or any(unicodedata.east_asian_width(sign) == "A" for sign in drawn if len(sign) == 1):
        return False
    top, bottom = edges
    left, right = (at for at, cell in enumerate(rows[top]) if cell == "+")
    sides = {(rows[y][left], rows[y][right]) for y in range(top + 1, bottom)}
    return bottom - top > 8 and "Commands" in "".join(rows[top]) and sides == {("|", "|")}


def test_nothing_shifts_where_lines_and_signs_are_drawn_over_two_cells(tmp_path, terminal, as_wide):
    place = create(tmp_path / "塔羅", example=True).root
    one = terminal(cwd=place, columns=110, lines=36, answer=says(b""))
    one.wait_for("q quit")
    one.press("\x10")
    one.wait_for("Commands")
    deadline = time.monotonic() + 60
    while not is_framed(one) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_framed(one), one.screen()
    one.type("lines drawn")  # whoever wants them all the same
    one.press("\r")
    one.wait_for("·")
    assert personal.recall("ambiguous") == "narrow"
