"""Writing to a terminal that is slow, stands still, or is gone."""

import os
import threading
import time

import pytest

from tarot_tui.tui.outlet import Outlet, Pace


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        os.close(end)


class Queue:
    """Hands out pieces one by one, as a picture would; ``empty`` once there are none."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.limits = []
        self.empty = threading.Event()

    def take(self, limit):
        self.limits.append(limit)
        if self.pieces:
            return self.pieces.pop(0)
        self.empty.set()
        return ""


def test_what_is_there_is_written_when_woken(pipe):
    queue = Queue("one ", "聖杯")
    outlet = Outlet(pipe[1], queue.take)
    outlet.wake()
    assert queue.empty.wait(60)
    assert os.read(pipe[0], 100).decode() == "one 聖杯"
    assert outlet.finish(60)


def test_a_terminal_that_stands_still_neither_holds_up_the_app_nor_its_end(pipe):
    reader, writer = pipe
    outlet = Outlet(writer, Queue(*["x" * 65536] * 9).take)
    outlet.wake()  # the pipe is full by now, and nobody reads
    assert outlet.finish(0.05) is False
    while os.read(reader, 65536) == b"x" * 65536:  # let the thread end before its pipe does
        time.sleep(0.01)
        if outlet._ended.is_set():
            break


def test_a_terminal_that_is_gone_ends_the_writing():
    reader, writer = os.pipe()
    os.close(reader)
    outlet = Outlet(writer, Queue("x").take)
    outlet.wake()
    assert outlet.finish(60)
    os.close(writer)


def slow_link(rate, pace, writes, size=1000):
    """Writes as fast as ``pace`` allows through a buffer of 12 kB that empties at ``rate``.

    Returns the seconds that took, and how many of them what is written has to wait on average in the end.
    """
    now, queued, waited = 0.0, 0.0, []
    for _number in range(writes):
        began = now
        now += max(0.0, (queued + size - 12_000) / rate) + 0.0001
        queued = max(0.0, queued + size - rate * (now - began))
        waited.append(queued / rate)
        pace.wrote(size, began, now)
        pause = pace.pause(now)
        queued = max(0.0, queued - rate * pause)
        now += pause
    return now, sum(waited[-writes // 2 :]) / (writes // 2)


def test_on_a_slow_link_little_is_on_its_way():
    pace = Pace()
    took, waited = slow_link(4000, pace, 200)
    assert 3000 < pace.rate < 6000
    assert took > 45  # 200 kB at 4 kB a second
    assert waited < 2.0  # unpaced it is the whole buffer: three seconds


def test_a_fast_link_is_never_paced():
    pace = Pace()
    slow_link(10e6, pace, 500)
    assert pace.rate is None and pace.pause(99.0) == 0.0 and pace.limit() is None


def test_one_hiccup_of_the_machine_makes_no_slow_link():
    pace = Pace()
    for number in range(20):
        pace.wrote(1000, number, number + (0.3 if number == 7 else 0.001))
    assert pace.rate is None


def test_a_link_that_became_faster_is_used():
    pace = Pace()
    slow_link(4000, pace, 40)
    assert pace.rate
    slow_link(10e6, pace, 900)
    assert pace.rate is None
