"""Stand-ins for characters of which terminals disagree how wide they are."""

import sys
import unicodedata
from pathlib import Path

import textual._border
from rich.cells import cell_len

from tarot_tui import tui
from tarot_tui.tui.celldiff import CellDiff
from tarot_tui.tui.narrow import narrow


def ambiguous(text):
    return {
        one for one in text if unicodedata.east_asian_width(one) == "A" and not unicodedata.combining(one)
    }


def test_every_character_keeps_its_cells_and_none_is_left_in_doubt():
    for number in range(32, sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.east_asian_width(character) == "A" and unicodedata.category(character) != "Co":
            plain = narrow(character)
            assert not ambiguous(plain) and cell_len(plain) == cell_len(character) or plain == character, (
                number
            )


def test_what_our_screens_draw_has_a_stand_in_that_looks_like_it():
    drawn = {
        one for path in Path(tui.__path__[0]).rglob("*.py") for one in ambiguous(path.read_text("utf-8"))
    }
    borders = ambiguous(
        "".join("".join(row) for rows in textual._border.BORDER_CHARS.values() for row in rows)
    )
    assert len(drawn) > 10 and len(borders) > 10
    assert {one for one in drawn | borders if narrow(one) == "?"} == set()


def test_chinese_and_braille_and_marks_stay_as_they_are():
    text = "牌，聖杯「三」⣿⠿✓ n\u0303 🎴"
    assert narrow(text) == text
    assert narrow("─│╭…“引”—①Ⅳ→█é") == '-|+."引"-1I>#e'
    assert narrow("αΩ \u03bc Жук") == "aO m Zuk"
    assert narrow("▶ ▶️ ♥️") == "> ▶️ ♥️"


def test_what_is_on_the_picture_already_is_drawn_anew():
    diff = CellDiff(6, 1)
    assert "┌─●牌" in diff.squeeze("\x1b[1;1H┌─●牌 ")
    diff.narrow = True
    assert "+-*" in diff.take()
    assert ">" in diff.squeeze("\x1b[1;6H→")
