"""How a worker is ended: with growing pressure, each step with its time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tarot_tui.jobs import stopping
from tarot_tui.jobs.stopping import Stopping


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that the test moves."""
    found = SimpleNamespace(now=100.0)
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.fixture
def worker():
    """Writes down what it was sent."""
    sent: list[str] = []
    return SimpleNamespace(
        sent=sent, terminate=lambda: sent.append("SIGTERM"), kill=lambda: sent.append("SIGKILL")
    )


def test_a_supervisor_that_was_held_up_still_leaves_the_worker_the_time_between_the_signals(clock, worker):
    ending = Stopping({"stop_grace": 5, "term_grace": 10})
    assert ending.ask("stop")
    clock.now += 60
    assert ending.press(worker) and worker.sent == ["SIGTERM"]
    clock.now += 9
    assert not ending.press(worker)
    clock.now += 1
    assert ending.press(worker) and worker.sent == ["SIGTERM", "SIGKILL"]


def test_a_kill_waits_for_nothing_and_sends_no_sigterm(clock, worker):
    ending = Stopping({})
    ending.ask("stop")
    assert ending.ask("kill") and not ending.ask("stop")
    ending.press(worker)
    assert worker.sent == ["SIGKILL"]
