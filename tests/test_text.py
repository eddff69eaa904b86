"""Untrusted text never reaches the terminal raw."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.text import duration, one_line, plain, size


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("\x9b2Jx", "x"),
        ("a\x08\x00\rb", "ab"),
        ("\u202eevil\u202c", "evil"),
        ("塔羅 🔮\n\tx", "塔羅 🔮\n\tx"),
        ("\x1b", ""),
        ("token hf_abcdefghijklmnopqrstuvwx seen", "token hf_… seen"),
    ],
)
def test_escape_sequences_and_controls_are_taken_out(raw, shown):
    assert plain(raw) == shown


@given(st.text(alphabet=st.characters(), max_size=60))
def test_no_control_character_is_ever_left(text):
    assert all(c in "\n\t" or unicodedata.category(c) != "Cc" for c in plain(text))


@given(st.text(max_size=300), st.integers(2, 50))
def test_one_line_is_one_line_and_short(text, limit):
    shown = one_line(text, limit)
    assert len(shown) <= limit and len(shown.splitlines()) <= 1


def test_sizes_and_durations_read_well():
    assert [size(0), size(999), size(1500), size(98_362_432)] == ["0 B", "999 B", "1.5 kB", "98.4 MB"]
    assert [duration(5), duration(60), duration(200), duration(3700), duration(200_000)] == [
        "5 s",
        "1 min",
        "3 min 20 s",
        "1 h 1 min",
        "2 d 7 h",
    ]
