"""What readers show of a job, and staying with it."""

from __future__ import annotations

import _thread
import json
import time

from tarot_tui.jobs import control, files, status
from tarot_tui.jobs.follow import closing_words, exit_code, follow
from tarot_tui.jobs.progress import Progress
from tarot_tui.jobs.snapshot import eta, snapshot
from tarot_tui.jobs.status import Pace, Status


def test_the_time_left_follows_from_this_attempt_alone():
    # Resumed at step 900 of 1000; 10 steps in 20 seconds since. Dividing by all 910 steps would promise 2 s.
    now = time.time()
    resumed = Status(state="running", step=910, total=1000, pace=Pace(900, now - 20, 910, now))
    assert abs(eta(resumed) - 180) < 1


def test_the_time_left_runs_down_between_two_steps_but_not_past_one():
    now = time.time()
    slow = Status(state="running", total=12, pace=Pace(0, now - 1100, 10, now - 100))
    assert abs(eta(slow) - 100) < 1
    hanging = Status(state="running", total=12, pace=Pace(0, now - 11000, 10, now - 10000))
    assert abs(eta(hanging) - 100) < 1


def test_before_the_second_step_and_after_the_end_no_time_is_promised():
    now = time.time()
    assert eta(Status(state="running", total=10, pace=Pace(3, now, 3, now))) is None
    assert eta(Status(state="running", pace=Pace(0, now - 5, 3, now))) is None
    assert eta(Status(state="finished", total=10, pace=Pace(0, now - 5, 3, now))) is None


def test_another_count_begins_another_pace():
    before = Progress({"step": 5, "total": 10, "unit": "steps"}).merged(Status(state="running"))
    later = Progress({"step": 8, "total": 10, "unit": "steps"}).merged(before)
    assert (later.pace.first_step, later.pace.step) == (5, 8)
    files_now = Progress({"step": 0, "total": 3, "unit": "files"}).merged(later)
    assert (files_now.pace.first_step, files_now.pace.step) == (0, 0)


def test_a_job_never_started_and_a_damaged_one_can_be_looked_at(job):
    folder = job(title="A \x1b[31mdeck")
    found = snapshot(folder)
    assert (found.title, found.kind, found.status.state, found.elapsed, found.metrics) == (
        "A deck", "train", "queued", None, {},
    )  # fmt: skip
    for name in (files.SPEC, files.STATUS, files.METRICS, files.HARDWARE, files.LOG):
        (folder / name).write_bytes(b'\xff{"\n[')
    found = snapshot(folder)
    assert (found.status.state, found.kind, found.hardware) == ("lost", "", {})
    assert json.loads(json.dumps(found.as_dict()))["name"] == folder.name


def test_following_hands_out_every_line_and_ends_with_the_job(started):
    folder = started("for i in range(3): print('line', i)\nprint('no newline', end='')")
    lines, states = [], []
    found = follow(folder, lines.append, lambda now: states.append(now.state))
    assert lines == ["line 0", "line 1", "line 2", "no newline"]
    assert found.state == states[-1] == "finished"
    assert exit_code(found) == 0
    assert "finished" in closing_words(folder, found)


def test_ctrl_c_ends_the_following_and_not_the_job(started):
    folder = started("import time; print('up', flush=True); time.sleep(600)")
    found = follow(folder, lambda line: _thread.interrupt_main())
    assert found.alive
    assert status.read(folder).alive
    assert exit_code(found) == 130
    assert f"tarot-tui watch {folder.name}" in closing_words(folder, found)


def test_following_a_resumed_job_begins_where_its_attempt_begins(started, ended):
    folder = started("print('a line'); raise SystemExit(3)")
    first = ended(folder)
    assert (first.state, exit_code(first)) == ("failed", 1)
    control.resume(folder)
    lines = []
    follow(folder, lines.append)
    assert lines == ["a line"]
