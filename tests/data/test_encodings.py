"""csv comes in every encoding of Taiwan, Hong Kong and China: round trips over any text."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data import sources
from tarot_tui.data.sources.encoding import detect
from tarot_tui.data.sources.table import clean

FILES = settings(max_examples=60)

TRADITIONAL = "愚人是一張代表自發性行為的牌，一段跳脫某種狀態的日子，或盡情享受眼前日子的一段時光。"
SIMPLIFIED = "愚人是一张代表自发性行为的牌，一段跳脱某种状态的日子，或尽情享受眼前日子的一段时光。"


def unicode_text(**limits):
    # NUL is dropped by design; csv cannot hold a lone carriage return apart from a line end.
    return st.text(
        st.characters(exclude_categories=("Cs",), exclude_characters="\0\r", **limits), max_size=30
    )


def as_csv(table):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(table)
    return buffer.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@FILES
@given(data=st.data())
def test_cells_of_any_text_survive(tmp_path, encoding, data):
    cells = data.draw(st.lists(st.tuples(unicode_text(), unicode_text()), min_size=1, max_size=5))
    if encoding == "gb18030":
        cells.append((SIMPLIFIED, SIMPLIFIED))  # a file of a few rare characters may be any encoding
    path = tmp_path / "a.csv"
    path.write_bytes(as_csv([("甲", "乙"), *cells]).encode(encoding))
    found = [tuple(row.cells.values()) for row in sources.read_rows(path)]
    assert found == [tuple(clean(text) for text in row) for row in cells]


@FILES
@given(
    text=st.text(
        st.sampled_from([bytes([a, b]).decode("cp950") for a in range(0xA4, 0xC6) for b in range(0xA1, 0xFE)])
    )
)
def test_big5_text_is_not_taken_for_gb(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(as_csv([("編號", "牌義"), ("1", TRADITIONAL + text)]).encode("cp950"))
    assert detect(path) == "cp950"
    assert [row.cells["牌義"] for row in sources.read_rows(path)] == [TRADITIONAL + text]


def is_big5(raw):
    try:
        return bool(raw.decode("cp950"))
    except UnicodeDecodeError:
        return False


def test_gb_text_that_is_also_valid_big5_is_not_taken_for_it(tmp_path):
    path = tmp_path / "a.txt"
    raw = b"".join(
        pair for pair in (character.encode("gb18030") for character in SIMPLIFIED) if is_big5(pair)
    )
    assert len(raw) > 40 and is_big5(raw)  # strict decoding alone cannot tell
    path.write_bytes(raw)
    assert detect(path) == "gb18030"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_found_by_its_nuls(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(f"a,b\r\n1,{TRADITIONAL[:8]}\r\n".encode(encoding))
    assert [list(row.cells.values()) for row in sources.read_rows(path)] == [["1", TRADITIONAL[:8]]]


def test_a_fault_far_behind_the_beginning_is_seen(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(("x" * 99 + "\n").encode() * 30_000 + TRADITIONAL.encode("cp950"))
    assert detect(path, whole=False) == "utf-8"
    assert detect(path) == "cp950"
