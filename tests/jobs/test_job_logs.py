"""Logs and metrics that are being written while they are read."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.jobs.log import Tail, last_lines
from tarot_tui.jobs.metrics import MetricsReader, last_metrics


def append(path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def test_lines_are_handed_out_once_and_an_unfinished_one_waits(tmp_path):
    log = tmp_path / "log.txt"
    tail = Tail(log)
    assert tail.read() == ([], "")
    append(log, b"one\ntw")
    assert tail.read() == (["one"], "tw")
    assert tail.read() == ([], "tw")
    append(log, b"o\n")
    assert tail.read() == (["two"], "")
    assert tail.at_end()


def test_a_progress_bar_is_its_last_picture(tmp_path):
    log = tmp_path / "log.txt"
    append(log, b"\r  1%|# |\r 50%|## |\r100%|####|\nnext\r\n\r 10%|#")
    assert Tail(log).read() == (["100%|####|", "next"], " 10%|#")


def test_a_character_that_is_half_there_waits(tmp_path):
    log = tmp_path / "log.txt"
    tail = Tail(log)
    append(log, "牌".encode()[:2])
    assert tail.read() == ([], "")
    append(log, "牌".encode()[2:] + b"\n\xff\n")
    assert tail.read() == (["牌", "\ufffd"], "")


def test_escape_sequences_are_dropped(tmp_path):
    log = tmp_path / "log.txt"
    append(log, b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07ok\x1b[2J\a\n")
    assert Tail(log).read() == (["red ok"], "")
    assert last_lines(log, 1) == ["red ok"]


def test_a_truncated_or_replaced_file_is_read_from_its_start(tmp_path):
    log = tmp_path / "log.txt"
    tail = Tail(log)
    append(log, b"a long first line\nhalf")
    tail.read()
    log.write_bytes(b"new\n")
    assert tail.read() == (["new"], "")
    other = tmp_path / "other"
    other.write_bytes(b"a much longer replacement\n")
    os.replace(other, log)
    assert tail.read() == (["a much longer replacement"], "")


def test_a_line_that_never_ends_stays_bounded(tmp_path):
    log = tmp_path / "log.txt"
    tail = Tail(log)
    for _ in range(4):
        append(log, b"x" * 200_000)
        assert len(tail.read()[1]) <= 256 * 1024
    append(log, b"\rlast picture")
    assert tail.read()[1] == "last picture"


def test_the_last_lines_of_a_log(tmp_path):
    log = tmp_path / "log.txt"
    assert last_lines(log, 3) == []
    append(log, b"".join(b"line %d\n" % i for i in range(50_000)))
    assert last_lines(log, 2) == ["line 49998", "line 49999"]
    append(log, b"half")
    assert last_lines(log, 2) == ["line 49999", "half"]
    assert len(last_lines(log, 20_000)) == 20_000
    assert last_lines(log, 5, start=log.stat().st_size - 4) == ["half"]
    assert last_lines(log, 0) == []


@given(
    st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=30), min_size=1),
    st.integers(1, 7),
)
def test_however_the_bytes_arrive_the_lines_are_the_same(tmp_path_factory, lines, chunk):
    log = tmp_path_factory.mktemp("log") / "log.txt"
    data = "".join(line + "\n" for line in lines).encode()
    tail, seen = Tail(log), []
    for at in range(0, len(data), chunk):
        append(log, data[at : at + chunk])
        seen += tail.read()[0]
    assert seen == lines
    assert last_lines(log, len(lines)) == lines


def test_metrics_are_read_as_they_come(tmp_path):
    path = tmp_path / "trainer_log.jsonl"
    reader = MetricsReader(path)
    assert reader.read() == []
    append(path, b'{"loss": 2.5}\nnot json\n[1]\n{"lo')
    assert reader.read() == [{"loss": 2.5}]
    append(path, b'ss": NaN}\n')
    assert str(reader.read()) == "[{'loss': nan}]"
    path.write_bytes(b'{"loss": 1}\n')
    assert reader.read() == [{"loss": 1}]


def test_the_latest_metrics_hold_the_last_value_of_each(tmp_path):
    path = tmp_path / "trainer_log.jsonl"
    append(path, b'{"loss": 2, "lr": 1}\n{"loss": 1, "lr": 0.5}\n{"eval_loss": 1.5}\n{"lo')
    assert last_metrics(path) == {"loss": 1, "lr": 0.5, "eval_loss": 1.5}
    assert last_metrics(tmp_path / "none") == {}
