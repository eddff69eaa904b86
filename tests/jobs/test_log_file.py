"""Any part of a log: by place, by level, by word."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.jobs import log_file, log_filter
from tarot_tui.jobs.log_file import LogFile, words
from tarot_tui.jobs.log_filter import LEVELS, level, wanted


@pytest.fixture
def log(tmp_path):
    return LogFile(tmp_path / "log.txt")


def texts(part):
    return [line.text for line in [*part.lines, *([part.rest] if part.rest else [])]]


def test_lines_before_and_behind_a_place_and_nothing_of_the_rest(log):
    log.path.write_text("".join(f"line {n}\n" for n in range(100_000)))
    end = log.look()
    part = log.before(end, 3)
    last = part.lines
    assert texts(part) == ["line 99997", "line 99998", "line 99999"]
    assert last[-1].end == part.end == end and part.start == last[0].start
    assert texts(log.before(last[0].start, 2)) == ["line 99995", "line 99996"]
    assert texts(log.after(last[1].start, 9)) == ["line 99998", "line 99999"]
    assert texts(log.after(0, 2)) == ["line 0", "line 1"]
    assert texts(log.before(0, 5)) == texts(log.after(end, 5)) == []
    assert log.line_at(last[1].start + 3) == last[1].start


def test_an_unfinished_line_is_a_line_and_grows(log):
    log.path.write_text("one\n 10 %|#")
    part = log.before(log.look(), 5)
    assert texts(part) == ["one", " 10 %|#"] and part.end == 4
    with open(log.path, "a") as file:
        file.write("\r 20 %|##")
    assert texts(log.after(part.end, 5)) == [" 20 %|##"]


def test_what_a_line_shows_is_harmless_and_holds_no_token(log):
    log.path.write_bytes(b"\x1b]0;evil\x07red \x1b[31mhot\x1b[2J\nhf_abcdefghijklmnopqrstuv\n")
    assert texts(log.after(0, 5)) == ["red hot", "hf_…"]


def test_missing_truncated_and_replaced_files(log, tmp_path):
    assert (log.look(), texts(log.before(10, 3)), log.generation) == (0, [], 0)
    log.path.write_text("some words\n")
    assert (log.look(), log.generation) == (11, 0)
    log.path.write_text("few\n")
    assert (log.look(), log.generation) == (4, 1)
    (tmp_path / "new").write_text("something else\n")
    os.replace(tmp_path / "new", log.path)
    assert (log.look(), log.generation) == (15, 2)


def test_a_line_longer_than_a_read_comes_in_pieces(log):
    log.path.write_bytes(b"x" * (3 * log_file.BLOCK) + b"\nshort\n")
    log.look()
    for part in (log.before(log.size, 10), log.after(0, 10)):
        assert part.lines[-1].text == "short" and len(part.lines) >= 3
        assert sum(line.end - line.start for line in part.lines) == part.end - part.start == log.size


@pytest.mark.parametrize(
    "text, grave",
    [
        ("[WARNING|trainer.py:12] careful", "warning"),
        ("UserWarning: old", "warning"),
        ("2026-11-24 10:00 ERROR disk", "error"),
        ("torch.OutOfMemoryError: CUDA out of memory", "error"),
        ("[rank1]: ValueError: no", "error"),
        ("Traceback (most recent call last):", "error"),
        ("no errors so far", ""),
        ("{'loss': 1.5}", ""),
    ],
)
def test_how_grave_a_line_is(text, grave):
    assert level(text) == grave


def test_only_what_is_grave_enough(log):
    log.path.write_text("fine\nWARNING a\nfine\nKeyError: b\n" * 3)
    assert texts(log.before(log.look(), 99, LEVELS["warning"])) == ["WARNING a", "KeyError: b"] * 3
    assert texts(log.after(0, 2, LEVELS["error"])) == ["KeyError: b"] * 2


def test_a_rare_word_is_looked_for_in_portions(log):
    log.path.write_bytes(b"ERROR early\n" + b"nothing\n" * 100_000)
    end, seen = log.look(), []
    while end:
        part = log.before(end, 5, LEVELS["error"], budget=300_000)
        assert part.start < end
        end = part.start
        seen += texts(part)
    assert seen == ["ERROR early"]
    found, reached = log.find(words("early"), log.size, backward=True, budget=300_000)
    assert found is None and 0 < reached < log.size


def test_words_are_found_in_both_directions(log):
    log.path.write_text("".join(f"line {n}\n" for n in range(100_000)))
    end, what = log.look(), words("line 777")
    assert texts(log.after(log.find(what, end, backward=True)[0], 1)) == ["line 77799"]
    first, _reached = log.find(what, 0, backward=False)
    assert texts(log.after(first, 1)) == ["line 777"]
    assert texts(log.after(log.find(what, first + 9, backward=False)[0], 1)) == ["line 7770"]
    assert log.find(what, first, backward=True) == (None, 0)
    assert list(words("Line").places(b"line Line", backward=False)) == [5]
    assert list(words("聖杯").places("愚者聖杯".encode(), backward=True)) == [6]


@given(st.lists(st.text("ab聖 ", max_size=9), max_size=30), st.integers(30, 60), st.integers(1, 5))
def test_forward_and_backward_see_the_same_lines(tmp_path_factory, lines, block, count):
    path = tmp_path_factory.mktemp("log") / "log.txt"
    path.write_text("".join(line + "\n" for line in lines))
    log = LogFile(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "BLOCK", block)
        end, place, back, forth = log.look(), 0, [], []
        while end > 0:
            part = log.before(end, count)
            end, back = part.start, texts(part) + back
        while place < log.size:
            part = log.after(place, count)
            place, forth = part.end, forth + texts(part)
    assert back == forth == lines


@pytest.mark.parametrize(
    ("line", "rank"),
    [
        ("[rank1]: hello", 1),
        ("[rank1]:[W1124 12:00:00.1 socket.cpp:752] warned", 1),
        ("[default3]:[rank3]: hello", 3),
        ("[Rank 12] hello", 12),
        ("[rank: 0] Seed set to 7", 0),
        ("rank1: hello", None),
        (" [rank1]: hello", None),
        ("[INFO] [rank1]", None),
    ],
)
def test_the_process_that_says_a_line_is_known_by_its_prefix(line, rank, tmp_path):
    assert log_filter.ranks_in(line.encode()) == ({rank} if rank is not None else set())
    (tmp_path / "log").write_text(f"before\n{line}\nbehind\n")
    log = LogFile(tmp_path / "log")
    assert log.ranks() == ([rank] if rank is not None else [])
    shown = log.before(log.look(), 9, wanted("", 1 if rank is None else rank)).lines
    assert [one.text for one in shown] == ([line] if rank is not None else [])
