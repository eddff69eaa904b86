"""The wall clock jumps: by a day ahead and a day back, under supervisor and worker, which both go on."""

from __future__ import annotations

import time

import pytest

from tarot_tui.jobs import control, files, status
from tarot_tui.jobs.metrics import MetricsReader

DAY = 86_400

#: Python imports this at its start from PYTHONPATH: a wall clock that shows what a file says more or less. The kernel's
#: own cannot be moved for some processes only (time namespaces leave CLOCK_REALTIME alone).
CLOCK = """
import time
_true = time.time
def _shown():
    try:
        with open({path!r}) as offset:
            return _true() + float(offset.read() or 0)
    except OSError:
        return _true()
time.time = _shown
"""


@pytest.fixture
def set_clock(tmp_path, monkeypatch):
    """Puts the wall clock of every Python that is started from now on ahead (or back) by so many seconds."""
    offset = tmp_path / "offset"
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock/sitecustomize.py").write_text(CLOCK.format(path=str(offset)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "clock"))

    def jump(seconds: float) -> None:
        # In one step: half a number would be yet another jump.
        (part := offset.with_suffix(".part")).write_text(str(seconds))
        part.replace(offset)

    return jump


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_run_goes_on_through_a_jump_and_nobody_calls_it_lost(
    training, set_clock, wait_until, ended, points, stand_in, jump
):
    folder = training(10_000)
    before = wait_until(lambda: (now := status.read(folder)).step and now)
    set_clock(jump)
    found = wait_until(lambda: (now := status.read(folder)).step != before.step and now)
    assert abs(found.heartbeat - before.heartbeat) > DAY / 2, "the clock did not jump"
    assert (found.state, found.reason) == ("running", "")
    assert found.pace.time >= found.pace.first_time
    set_clock(0)
    wait_until(lambda: status.read(folder).step > found.step)
    control.request(folder, "stop")
    assert ended(folder).state == "stopped"
    assert points(folder) == stand_in.curve(len(points(folder)))
    states = [row["state"] for row in MetricsReader(folder / files.EVENTS).read() if row["kind"] == "state"]
    assert states == ["starting", "running", "stopping", "stopped"]


def test_a_jump_ahead_shortens_nobodys_time_to_save(job, set_clock, wait_until, ended):
    code = """
import time
from tarot_tui.jobs import worker
while not worker.stop_requested():
    time.sleep(0.02)
time.sleep(1.5)
worker.result("stopped")
"""
    from tarot_tui.jobs import launch

    folder = job(code, stop_grace=60)
    launch.start(folder)
    control.request(folder, "stop")
    wait_until(lambda: status.read(folder).state == "stopping")
    set_clock(DAY)
    assert (ended(folder).state, ended(folder).cause) == ("stopped", "stopped")


def test_the_readers_own_clock_may_be_wrong(training, wait_until, monkeypatch):
    folder = training(10_000)
    wait_until(lambda: status.read(folder).step)
    true = time.time
    for wrong in (DAY, -DAY):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: true() + wrong)
        assert (status.read(folder).state, status.read(folder).reason) == ("running", "")
    monkeypatch.undo()
