"""What a terminal answers is read, however it arrives, and nothing of it is ever left for the keys."""

import pytest

from tarot_tui.tui import replies
from tarot_tui.tui.replies import Replies, questions

LIGHT, DARK = b"\x1b]11;rgb:fafa/f0f0/e6e6\x1b\\", b"\x1b]11;rgb:1e1e/1e1e/2e2e\x07"
NARROW, WIDE = b"\x1b[1;2R", b"\x1b[1;3R"


@pytest.fixture
def asked():
    one = Replies()
    one.expect(0.0)
    return one


def arrives(one, pieces, apart, start=0.0):
    """What is left for the keys when ``pieces`` come so many seconds apart, and nothing after them."""
    left, now = b"", start
    for piece in pieces:
        until = now + apart
        while (due := one.due()) is not None and due <= until:
            left += one.take(b"", due)
        left, now = left + one.take(piece, until), until
    while (due := one.due()) is not None:
        left += one.take(b"", due)
    return left


@pytest.mark.parametrize("apart", [0.01, 1.0, 3.0])
@pytest.mark.parametrize("at", range(1, len(LIGHT + NARROW)))
def test_an_answer_may_come_in_two_pieces(asked, at, apart):
    whole = LIGHT + NARROW
    left = arrives(asked, [whole[:at], whole[at:]], apart)
    # Whether a single escape is a key or the beginning of more, only time tells.
    assert left in ((b"", b"\x1b") if whole[at - 1 : at] == b"\x1b" else (b"",)), left
    assert (asked.light, asked.wide, asked.complete.is_set()) == (True, False, True)


def test_keys_before_and_between_and_behind_the_answers_arrive_in_their_order(asked):
    assert asked.take(b"a\x1b[A" + DARK + b"b" + WIDE + b"c\x1b[1;2R", 0.1) == b"a\x1b[Abc\x1b[1;2R"
    assert (asked.light, asked.wide) == (False, True)


@pytest.mark.parametrize(
    ("said", "light"),
    [
        (b"rgb:ffff/ffff/ffff", True),
        (b"rgb:0/0/0", False),
        (b"rgba:ffff/ffff/dddd/ffff", True),
        (b"#fdf6e3", True),
        (b"#002b36", False),
        (b"rgb:zz/00/00", None),
        (b"rgb:ffff/ffff", None),
        (b"pink", None),
        (b"?", None),
        (b"", None),
        (b"x" * 3000, None),
    ],
)
def test_a_colour_is_read_in_any_spelling_and_nonsense_is_thrown_away(asked, said, light):
    assert asked.take(b"\x1b]11;" + said + b"\x07q", 0.1) == b"q"
    assert asked.light is light


def test_half_an_answer_takes_no_keys_along(asked):
    assert arrives(asked, [b"\x1b]11;rgb:12", b"quit"], 0.5) == b"quit"
    assert arrives(asked, [b"\x1b]11;rgb:12/"], 0.5, 1.0) == b""
    assert asked.take(b"abc", 8.0) == b"abc"


def test_a_silent_terminal_delays_an_escape_by_a_moment_and_only_at_the_start(asked):
    assert asked.take(b"\x1b", 1.0) == b"" and asked.due() == pytest.approx(1.1)
    assert asked.take(b"", 1.05) == b""
    assert asked.take(b"", 1.1) == b"\x1b"
    assert asked.take(b"[A", 1.2) == b"[A"
    assert asked.take(b"\x1b", 60.0) == b"\x1b"


def test_half_an_answer_behind_the_last_is_thrown_away(asked):
    assert asked.take(NARROW, 0.1) == b"" and asked.take(b"\x1b]11;rgb:12", 0.2) == b""
    assert asked.take(b"\x1b]", 0.3) == b"\x1b]"  # alt and a bracket, by now


def test_an_answer_that_comes_after_minutes_is_still_none_of_the_keys(asked):
    assert asked.take(LIGHT + NARROW, 600.0) == b"" and asked.light


@pytest.mark.parametrize(
    ("environ", "colour"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "tmux-256color", "TMUX": "x"}, True),
        ({"TERM": "screen-256color", "TMUX": "x"}, True),
        ({"TERM": "screen.xterm-256color", "STY": "x"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "vt220"}, False),
        ({"TERM": "eterm-color"}, False),
    ],
)
def test_the_colour_is_asked_of_terminals_that_do_not_show_the_question(environ, colour):
    asked = questions(environ, width=True)
    assert (replies.BACKGROUND in asked) is colour and asked.endswith("\x1b[6n")
