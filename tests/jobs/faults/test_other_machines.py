"""A shared folder and two machines that cannot see each other's processes: never two workers on one folder.

The other machine is played by what it would have left in ``status.json``; its processes cannot be seen from here.
"""

from __future__ import annotations

import dataclasses
import os
import time

import pytest

from tarot_tui.errors import Refused
from tarot_tui.jobs import control, files, identity, status
from tarot_tui.jobs.identity import is_alive
from tarot_tui.jobs.metrics import MetricsReader


@pytest.fixture
def elsewhere():
    """A process of another machine."""
    return dataclasses.replace(identity.of(os.getpid()), boot_id="other", host="gpu-node-7")


def test_a_supervisor_that_was_taken_for_lost_gives_way_to_the_one_that_took_over(
    training, wait_until, points, elsewhere
):
    folder = training(10_000)
    wait_until(lambda: points(folder))
    before = status.read(folder)
    # As after a machine that slept: the job was resumed over there in the meantime.
    other = dataclasses.replace(
        before, supervisor=elsewhere, worker=elsewhere, attempt=2, heartbeat=time.time()
    )

    def gave_way() -> bool:
        # As its heartbeats would: ours may have been about to write its own.
        if status.read(folder).supervisor != elsewhere:
            files.write_json(folder / files.STATUS, other.as_dict())
        return not is_alive(before.worker) and not is_alive(before.supervisor)

    wait_until(gave_way)
    after = status.read(folder)
    assert (after.supervisor, after.attempt, after.state) == (elsewhere, 2, "running")
    assert MetricsReader(folder / files.EVENTS).read()[-1]["kind"] == "gave_way"


def test_a_job_that_runs_elsewhere_is_not_started_here(training, elsewhere):
    folder = training(10, start=False)
    running = status.Status(
        state="running", supervisor=elsewhere, worker=elsewhere, heartbeat=time.time(), attempt=1
    )
    files.write_json(folder / files.STATUS, running.as_dict())
    with pytest.raises(Refused, match="already running"):
        control.resume(folder)


def test_a_worker_that_goes_on_alone_elsewhere_is_not_doubled_here(training, elsewhere):
    folder = training(10, start=False)
    silent = time.time() - 100
    running = status.Status(
        state="running", supervisor=elsewhere, worker=elsewhere, heartbeat=silent, attempt=1
    )
    files.write_json(folder / files.STATUS, running.as_dict())
    os.utime(folder / files.STATUS, (silent, silent))
    (folder / files.PROGRESS).write_text("{}")
    with pytest.raises(Refused, match="gpu-node-7"):
        control.resume(folder)
    os.utime(folder / files.PROGRESS, (silent, silent))
    assert status.read(folder).state == "lost"
    assert control.resume(folder).attempt == 2
