"""Lines end where Chinese and English let them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tarot_tui.line_breaks import broken, pieces

MIXED = st.text("a1.-字、。「」（） \u00a0\n…", max_size=60)


def test_english_is_broken_at_spaces():
    assert broken("one two three", 8) == ["one two", "three"]


def test_chinese_is_broken_anywhere_and_fills_its_lines():
    sentence = "無法連上 huggingface.co：不在這台機器上的模型無法下載。"
    assert broken(sentence, 25) == ["無法連上 huggingface.co：", "不在這台機器上的模型無法", "下載。"]


def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one():
    assert broken("請先停止工作。再看", 12) == ["請先停止工", "作。再看"]
    assert broken("請先停止「工作」", 10) == ["請先停止", "「工作」"]
    assert broken("请先停止“工作”", 9) == ["请先停止", "“工作”"]


def test_a_number_keeps_its_measure_word():
    assert broken("在容器中，共 2 個處理器", 16) == ["在容器中，共", "2 個處理器"]


@given(MIXED, st.integers(4, 30))
def test_nothing_is_lost_and_no_line_is_too_long_that_could_be_broken(text, width):
    kept = [piece for _begin, _end, piece in pieces(text)]
    assert "".join(kept) == (text if text.strip(" \n") else "")
    widest = max([width, *(cell_len(piece.strip(" \n")) for piece in kept)])
    assert all(cell_len(line) <= widest for line in broken(text.strip(" \n"), width))
