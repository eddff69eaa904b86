"""SIGKILL and SIGTERM to what belongs to a job: the curve is that of a run to which nothing happened."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tarot_tui.jobs import control, files, status
from tarot_tui.jobs.identity import is_alive
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.metrics import MetricsReader

STEPS = 60


@pytest.fixture
def running(training, wait_until, points):
    """A job that is under way, past its first checkpoint, and its status."""
    folder = training(STEPS, hold=8)
    wait_until(lambda: len(points(folder)) == 8)
    return folder, status.read(folder)


def test_the_worker_is_killed_and_the_run_resumes_from_its_last_checkpoint(
    running, kill, ended, points, stand_in, release
):
    folder, before = running
    kill(before.worker)
    found = ended(folder)
    assert (found.state, found.cause, found.signal) == ("failed", "killed", signal.SIGKILL)
    assert "signal 9" in found.reason and "resume" in found.reason.lower()
    left = points(folder)
    assert left == stand_in.curve(len(left))
    assert stand_in.last_complete(folder)[0] == 5 and len(left) == 8
    release(folder)
    assert control.resume(folder).attempt == 2
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(STEPS)


def test_the_supervisor_is_killed_and_resume_adopts_the_worker_which_never_noticed(
    running, kill, ended, points, stand_in, release
):
    folder, before = running
    kill(before.supervisor)
    alone = status.read(folder)
    assert (alone.state, alone.supervised) == ("running", False)
    after = control.resume(folder)
    assert (after.worker, after.attempt, after.supervised) == (before.worker, 1, True)
    release(folder)
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(STEPS)


def test_the_supervisor_is_killed_and_the_worker_is_stopped_cleanly_and_resumed(
    running, kill, ended, points, stand_in, release
):
    folder, before = running
    kill(before.supervisor)
    control.request(folder, "stop")
    found = ended(folder)
    assert (found.state, found.attempt) == ("stopped", 1)
    assert stand_in.last_complete(folder)[0] == files.read_json(folder / files.RESULT)["step"]
    release(folder)
    assert control.resume(folder).attempt == 2
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(STEPS)


def test_both_are_killed_and_the_run_is_lost_until_it_is_resumed(
    running, cut_power, ended, points, stand_in, release
):
    folder, _before = running
    cut_power(folder)
    found = status.read(folder)
    assert (found.state, found.cause) == ("lost", "lost")
    assert "resume" in found.reason
    release(folder)
    assert control.resume(folder).attempt == 2
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(STEPS)


def test_sigterm_to_everything_saves_and_stops_as_when_a_machine_goes_down(
    running, ended, wait_until, points, stand_in, release
):
    folder, before = running
    for who in (before.worker, before.supervisor):
        os.kill(who.pid, signal.SIGTERM)
    assert ended(folder).state == "stopped"
    wait_until(lambda: not is_alive(before.worker) and not is_alive(before.supervisor))
    assert stand_in.last_complete(folder)[0] == len(points(folder)) < STEPS
    release(folder)
    control.resume(folder)
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(STEPS)


def test_the_steps_of_the_ending_are_told_with_their_times(job, wait_until, ended):
    from tarot_tui.jobs import launch

    deaf = (
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(100)"
    )
    folder = job(deaf, stop_grace=0.5, term_grace=0.5)
    launch.start(folder)
    wait_until(lambda: last_lines(folder / files.LOG, 1) == ["deaf"])
    control.request(folder, "stop")
    found = ended(folder)
    events = MetricsReader(folder / files.EVENTS).read()
    said = [row["reason"] for row in events if row.get("state") == "stopping"]
    assert "SIGTERM at" in said[0] and "SIGKILL at" in said[0]
    log = "\n".join(last_lines(folder / files.LOG, 20))
    for words in ("SIGTERM at", "Told to end (SIGTERM); killed at", "Killed (SIGKILL)"):
        assert words in log
    assert (found.cause, found.signal) == ("forced", signal.SIGKILL)


def test_nothing_that_the_worker_started_outlives_the_job(started, ended, wait_until):
    code = """
import os, subprocess, sys, time
# A rank in a session of its own, and a loader below it that was orphaned on purpose.
rank = subprocess.Popen([sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)"],
                        start_new_session=True)
rank.wait()
print("orphaned", flush=True)
time.sleep(100)
"""
    folder = started(code)
    wait_until(lambda: last_lines(folder / files.LOG, 1) == ["orphaned"])
    tree = psutil.Process(status.read(folder).supervisor.pid).children(recursive=True)
    assert "sleep" in {process.name() for process in tree}
    os.kill(status.read(folder).worker.pid, signal.SIGKILL)
    assert ended(folder).state == "failed"
    assert not any(process.is_running() for process in tree)
