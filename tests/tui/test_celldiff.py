"""Any frames, in any order, sent in any portions: the terminal shows what the stock driver would have shown."""

import hashlib
import random
import re

import pyte
import pytest
from rich.cells import set_cell_size

from tarot_tui.tui.celldiff import CellDiff
from tarot_tui.tui.cells import Row, worthwhile_move

LETTERS = [*"abc dé⠿⣿│", "聖", "杯", "界", "👍", "e\u0301", " ", " "]
STYLES = ["0", "1;31", "38;5;9;48;5;3", "7"]


def some_row(dice, width):
    runs, left = [], width
    while left:
        cells = dice.randint(1, left)
        text = set_cell_size("".join(dice.choice(LETTERS) for _ in range(cells)), cells)
        runs.append(f"\x1b[{dice.choice(STYLES)}m{text}\x1b[0m")
        left -= cells
    return "".join(runs)


def some_change(dice, rows, width):
    """Changes ``rows``: one of them, or all between two that move up or down; returns which."""
    top = dice.randint(0, len(rows) - 2)
    bottom = dice.randint(top + 1, len(rows))
    by = dice.choice([0, 0, 1, 2, -1, -2])
    if not by or abs(by) >= bottom - top:
        rows[top] = some_row(dice, width)
        return [top]
    new = [some_row(dice, width) for _ in range(abs(by))]
    part = rows[top:bottom]
    rows[top:bottom] = [*part[by:], *new] if by > 0 else [*new, *part[:by]]
    return range(top, bottom)


def terminal(width, height):
    screen = pyte.Screen(width, height)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")  # as Textual does
    return screen, stream


@pytest.mark.parametrize("seed", range(60))
def test_every_frame_arrives_as_it_was_drawn(seed, cells_of):
    dice = random.Random(seed)
    width, height = dice.randint(2, 24), dice.randint(3, 9)
    (stock, stock_stream), (slim, slim_stream) = terminal(width, height), terminal(width, height)
    diff = CellDiff(width, height)
    rows = [some_row(dice, width) for _ in range(height)]
    changed = range(height)
    for _frame in range(12):
        cursor = f"\x1b[{dice.randint(1, height)};{dice.randint(1, width)}H"
        frame = "".join(f"\x1b[{y + 1};1H{rows[y]}" for y in changed) + cursor
        stock_stream.feed(frame)
        diff.feed(frame)
        if dice.random() < 0.8:  # else the frame is overtaken by the next one
            limit = dice.choice([None, 10, 60])
            while data := diff.take(limit):
                slim_stream.feed(data)
            assert cells_of(slim) == cells_of(stock)
            assert (slim.cursor.x, slim.cursor.y) == (stock.cursor.x, stock.cursor.y)
        if dice.random() < 0.1:
            diff.forget()
        changed = some_change(dice, rows, width)


def rows_of(*lines):
    rows = []
    for line in lines:
        rows.append(Row(20))
        rows[-1].put(0, line.ljust(20), "")
    return rows


LINES = [
    "loading",
    "a model",
    "tokenising",
    "42 samples",
    "warming up",
    "step one",
    "loss 3.1",
    "lr 2e-4",
    "saved",
]


def test_a_log_that_gains_a_line_is_moved_and_the_rest_is_not():
    shown = rows_of("title", *LINES[:8], "keys")
    wanted = rows_of("title", *LINES[1:], "keys")
    move = worthwhile_move(wanted, shown, range(1, 9))
    assert (move.top, move.bottom, move.by) == (1, 8, 1)
    back = worthwhile_move(shown, wanted, range(1, 9))
    assert (back.top, back.bottom, back.by) == (1, 8, -1)


def test_lines_that_are_nearly_alike_are_cheaper_to_change_than_to_move():
    shown = rows_of(*(f"step {number}" for number in range(1, 6)))
    wanted = rows_of(*(f"step {number}" for number in range(2, 7)))
    assert worthwhile_move(wanted, shown, range(5)) is None


def test_a_gained_line_costs_about_what_the_line_costs():
    diff = CellDiff(40, 12)

    def frame(first):
        lines = [hashlib.md5(b"%d" % (first + y)).hexdigest() for y in range(10)]
        return "".join(f"\x1b[{y + 1};1H{line:<40}" for y, line in enumerate(lines)) + "\x1b[1;1H"

    diff.squeeze(frame(1))
    assert len(diff.squeeze(frame(2))) < 90


def test_a_slow_link_gets_the_newest_picture_in_portions_and_nothing_in_between():
    diff = CellDiff(20, 3)
    for word in ("first", "second", "third"):
        diff.feed("".join(f"\x1b[{y + 1};1H{word + str(y):<20}" for y in range(3)) + "\x1b[1;1H")
    parts = []
    while data := diff.take(10):
        parts.append(data)
    assert len(parts) == 3 and "third0" in parts[0]
    assert "first" not in "".join(parts)


def test_a_frame_is_sent_when_it_is_complete_and_wrapped_as_one():
    diff = CellDiff(20, 3)
    assert diff.squeeze("\x1b[?2026h") == ""
    assert diff.squeeze("\x1b[1;1Hwords") == ""
    assert diff.squeeze("\x1b[?2026l") == "\x1b[?2026h\x1b[H\x1b[mwords\x1b[?2026l"


def test_a_link_is_part_of_how_a_cell_looks():
    diff = CellDiff(20, 2)
    sent = diff.squeeze("\x1b[1;1Ha\x1b]8;id=1;https://example.org\x1b\\link\x1b]8;;\x1b\\b\x1b[1;1H")
    assert "a\x1b]8;id=1;https://example.org\x1b\\link\x1b]8;;\x1b\\b" in sent
    assert diff.squeeze("\x1b[1;2Hlink\x1b[1;1H") != ""


def test_a_wide_character_is_replaced_from_left_to_right_whatever_the_colours_cost():
    diff = CellDiff(12, 6)
    diff.squeeze("".join(f"\x1b[{y};1H 尚未開始 " for y in range(1, 7)))
    over = "\x1b[0;38;2;217;180;91;48;2;31;36;56m│ 列 \x1b[0;38;2;240;240;240;48;2;31;36;56m牌│"
    frame = "".join(f"\x1b[{y};4H\x1b[0;38;2;200;200;200m {over}" for y in range(1, 7))
    sent = re.sub("\x1b\\[[^m]*m", "", diff.squeeze(frame))
    assert sent.count(" │") == 6, sent
