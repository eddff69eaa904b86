"""A log that is followed: what it gains is added to what is known, and comes out as if all were looked at anew."""

from __future__ import annotations

import random

import pytest

from tarot_tui.jobs.log_file import Line, Part
from tarot_tui.tui.log_fold import entries
from tarot_tui.tui.log_window import KEPT, Window

TEXTS = ["a step", "[rank1]: a step", "Traceback (most recent call last):", '  File "x.py"', "ValueError: no"]


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:2]], ids=["tracebacks", "none"])
def test_what_is_appended_is_told_as_if_all_had_been_read_at_once(fold, texts):
    dice, window, place = random.Random(7), Window(80, 10), 0
    window.show_folded(fold)
    for _look in range(600):
        lines = []
        for _line in range(dice.choice([0, 1, 1, 1, 5])):
            lines.append(Line(place, place + 10, dice.choice(texts)))
            place += 10
        rest = Line(place, place + 4, "Trac") if dice.random() < 0.3 else None
        window.append(Part(window.end, place, lines, rest))
        whole = [*window.lines, rest] if rest else window.lines
        assert window.entries == entries(whole, fold=fold)
        assert window._places == [entry.start for entry in window.entries]
    assert len(window.lines) <= KEPT and window.start == window.lines[0].start
