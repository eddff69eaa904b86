"""Status files in every condition that a reader may find them in."""

from __future__ import annotations

import dataclasses
import json
import os
import time

import pytest

from tarot_tui.jobs import files, identity, status
from tarot_tui.jobs.status import Status


@pytest.fixture
def stored(tmp_path):
    """Writes a status file and gives what a reader makes of it."""

    def store(found: Status | bytes) -> Status:
        data = json.dumps(found.as_dict()).encode() if isinstance(found, Status) else found
        (tmp_path / files.STATUS).write_bytes(data)
        return status.read(tmp_path)

    return store


def test_a_job_without_status_is_queued(tmp_path):
    found = status.read(tmp_path)
    assert (found.state, found.alive, found.attempt) == ("queued", False, 0)
    assert status.read(tmp_path / "nowhere").state == "queued"


@pytest.mark.parametrize("damaged", [b"", b'{"state": "runn', b"\xff\xfe", b"[1]", b"null", b"[" * 100_000])
def test_a_damaged_file_is_lost_and_raises_nothing(stored, damaged):
    found = stored(damaged)
    assert (found.state, found.cause) == ("lost", "damaged")


@pytest.mark.parametrize("value", ["x", [], {}, True, 1e300, float("nan")])
def test_values_of_the_wrong_type_count_as_absent(stored, value):
    keys = ("state", "step", "total", "exit_code", "started", "heartbeat", "supervisor", "attempt", "pace")
    found = stored(json.dumps(dict.fromkeys(keys, value)).encode())
    assert (found.state, found.step, found.total, found.supervisor, found.pace) == (
        "queued",
        None,
        None,
        None,
        None,
    )


def test_escape_sequences_of_a_stranger_do_not_reach_the_reader(stored):
    found = stored(
        json.dumps({"state": "failed", "reason": "\x1b]0;title\x07bad\x1b[2J", "what": "a\nb"}).encode()
    )
    assert (found.reason, found.what) == ("bad", "a b")


def test_a_living_supervisor_that_is_silent_is_remarked_on(stored):
    me = identity.of(os.getpid())
    running = Status(state="running", supervisor=me, worker=me, heartbeat=time.time(), beat=time.monotonic())
    assert stored(running).reason == ""
    silent = stored(dataclasses.replace(running, beat=time.monotonic() - 100))
    assert silent.state == "running"
    assert "not reported" in silent.reason


def test_a_wall_clock_that_jumped_makes_no_job_lost(stored):
    me = identity.of(os.getpid())
    for jump in (-1e6, 1e6):
        now = Status(state="running", supervisor=me, heartbeat=time.time() + jump, beat=time.monotonic())
        assert (stored(now).state, stored(now).reason) == ("running", "")


@pytest.fixture
def elsewhere():
    """A job that runs on another machine, which was heard from so many seconds ago."""
    there = dataclasses.replace(identity.of(os.getpid()), boot_id="other", host="gpu-node-7")
    return lambda ago: Status(state="running", supervisor=there, worker=there, heartbeat=time.time() - ago)


def test_a_job_of_another_machine_is_judged_by_its_heartbeat(stored, elsewhere, tmp_path):
    assert stored(elsewhere(50)).state == "running"
    stored(elsewhere(70))
    os.utime(tmp_path / files.STATUS, (0, time.time() - 70))
    lost = status.read(tmp_path)
    assert lost.state == "lost"
    assert "gpu-node-7" in lost.reason


def test_another_machine_whose_clock_is_behind_is_not_called_lost(stored, elsewhere):
    assert stored(elsewhere(3600)).state == "running"  # the file system has just seen it written


def test_a_worker_of_another_machine_that_goes_on_alone_is_not_called_lost(stored, elsewhere, tmp_path):
    stored(elsewhere(70))
    os.utime(tmp_path / files.STATUS, (0, time.time() - 70))
    (tmp_path / files.METRICS).write_text("{}\n")
    found = status.read(tmp_path)
    assert (found.state, found.supervised) == ("running", False)


def test_a_restart_of_the_machine_is_named(stored):
    gone = dataclasses.replace(identity.of(os.getpid()), boot_id="before")
    found = stored(Status(state="running", supervisor=gone, worker=gone, heartbeat=time.time()))
    assert found.state == "lost"
    assert "restarted" in found.reason


def test_a_result_written_after_the_supervisor_died_counts(stored, tmp_path):
    gone = dataclasses.replace(identity.of(os.getpid()), start_time=1)
    (tmp_path / files.RESULT).write_text('{"outcome": "finished", "time": 5}')
    found = stored(Status(state="running", supervisor=gone, worker=gone, heartbeat=time.time()))
    assert (found.state, found.ended) == ("finished", 5)
    (tmp_path / files.RESULT).write_text('{"outcome": "failed", "time": 5, "reason": "The disk is full."}')
    found = stored(Status(state="running", supervisor=gone, worker=gone, heartbeat=time.time()))
    assert (found.state, found.reason) == ("failed", "The disk is full.")
