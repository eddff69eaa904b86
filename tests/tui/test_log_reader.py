"""News of a log for somebody who waits a moment for them, to show them along with others."""

from __future__ import annotations

import queue
import threading

import pytest

from tarot_tui.tui.log_reader import LogReader


@pytest.fixture
def reader(tmp_path):
    """Reads a log of one line, which it has told about; ``told`` is what it tells by itself."""
    log = tmp_path / "log.txt"
    log.write_text("one\n")
    told = queue.Queue()
    reader = LogReader(log, lambda *what: told.put(what))
    reader.every, reader.told, reader.log = 3600.0, told, log
    assert reader.news(60) == ("grown", 4, 0)
    yield reader
    reader.stop()


def test_who_waits_for_news_gets_them_and_nobody_else_is_told(reader):
    assert reader.news(60) is None
    reader.log.write_text("one\ntwo\n")
    assert reader.news(60) == ("grown", 8, 0)
    assert reader.told.empty()


def test_news_that_take_too_long_are_told_as_ever(reader):
    the_disk_answers = threading.Event()
    reader.ask("page", lambda _file: the_disk_answers.wait(60))
    reader.log.write_text("one\ntwo\n")
    assert reader.news(0.05) is None
    the_disk_answers.set()
    assert reader.told.get(timeout=60) == ("page", True, 0)
    assert reader.told.get(timeout=60) == ("grown", 8, 0)
