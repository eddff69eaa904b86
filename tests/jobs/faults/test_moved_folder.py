"""A job's folder is moved or copied under it."""

from __future__ import annotations

import shutil

import pytest

from tarot_tui.errors import Refused
from tarot_tui.jobs import control, launch, status


@pytest.fixture
def running(training, wait_until, points):
    """A job that is under way, past its first checkpoint."""
    folder = training(80, hold=8)
    wait_until(lambda: len(points(folder)) == 8)
    return folder


def test_a_folder_that_is_moved_while_the_run_goes_on_takes_everything_along(
    running, ended, points, stand_in, cut_power, release
):
    moved = running.with_name("elsewhere")
    running.rename(moved)
    try:
        control.request(moved, "stop")
        found = ended(moved)
        assert found.state == "stopped"
        assert stand_in.last_complete(moved)[0] == len(points(moved)) == 8
        release(moved)
        control.resume(moved)
        assert ended(moved).state == "finished"
        assert points(moved) == stand_in.curve(80)
        assert not running.exists()
    finally:
        cut_power(moved)


def test_a_worker_is_adopted_in_the_place_its_folder_was_moved_to(
    running, kill, ended, points, stand_in, release
):
    before = status.read(running)
    kill(before.supervisor)
    moved = running.with_name("elsewhere")
    running.rename(moved)
    assert control.resume(moved).worker == before.worker
    release(moved)
    assert ended(moved).state == "finished"
    assert points(moved) == stand_in.curve(80)


def test_a_copy_is_another_job_and_leaves_the_worker_of_the_first_alone(
    running, kill, ended, points, stand_in, cut_power, release
):
    # What is being written comes and goes.
    copy = shutil.copytree(running, running.with_name("copy"), ignore=shutil.ignore_patterns("*.part"))
    with pytest.raises(Refused):
        launch.start(copy)  # as far as can be seen it is the running one
    kill(status.read(running).supervisor)
    try:
        after = launch.start(copy)
        assert after.attempt == 2
        assert after.worker != status.read(running).worker
        assert status.read(running).alive
        release(copy)
        release(running)
        assert ended(copy).state == ended(running).state == "finished"
        assert points(copy) == points(running) == stand_in.curve(80)
    finally:
        cut_power(copy)
