"""Work that ran out of something is begun again with less, as far as its maker allowed, and all of it written down."""

from __future__ import annotations

import json

from tarot_tui.jobs import control, files, launch, nodes, retry, status
from tarot_tui.jobs.metrics import MetricsReader

#: Needs as many of something as its request says, and has but two; says so as torch does.
HUNGRY = """
import sys
from tarot_tui.jobs import worker
from tarot_tui.jobs.retry import in_force
from tarot_tui.jobs.spec import read_spec
folder = worker.job_dir()
size = in_force(folder, read_spec(folder)["request"])["size"]
if sys.argv[1] == "begun":
    worker.progress(1, 2)
if size > 2:
    print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.", file=sys.stderr)
    sys.exit(1)
worker.result("finished", size=size)
"""
#: Waits for a file in the job folder.
WAIT = """
def wait(name):
    import time
    while not (folder / name).exists():
        time.sleep(0.02)
"""
SIZES = [
    {"causes": ["cuda_oom"], "changes": {"size": 4}, "what": "Going on with 4.", "begun": True},
    {"causes": ["host_oom"], "changes": {"size": 3}, "what": "Going on with 3."},
    {"causes": ["cuda_oom"], "changes": {"size": 2}, "what": "Going on with 2."},
]


def hungry(started, *words, rungs=SIZES):
    return started(
        HUNGRY, *words, retries=rungs, last_words={"cuda_oom": "Try 'resume {job}'."}, request={"size": 8}
    )


def sizes(folder):
    """What was changed, one after the other, as the events have it."""
    return [
        event["changes"]["size"]
        for event in MetricsReader(folder / files.EVENTS).read()
        if event["kind"] == "retry"
    ]


def test_each_attempt_goes_one_rung_down_until_it_fits(started, ended):
    folder = hungry(started, "begun")
    found = ended(folder)
    assert (found.state, found.attempt, found.reason) == ("finished", 3, "")
    assert json.loads((folder / files.RESULT).read_text())["size"] == 2
    assert sizes(folder) == [4, 2]
    said = [event["reason"] for event in MetricsReader(folder / files.EVENTS).read() if "reason" in event]
    assert any("GPU ran out of memory" in one and one.endswith("Going on with 4.") for one in said)
    assert "Going on with 2." in (folder / files.LOG).read_text()


def test_a_rung_for_the_steps_is_passed_by_when_no_step_had_begun(started, ended):
    folder = hungry(started, "loading")
    assert ended(folder).attempt == 2
    assert sizes(folder) == [2]


def test_the_last_word_is_said_when_no_rung_is_left_and_a_resume_goes_on_from_the_last(started, ended):
    folder = hungry(started, "begun", rungs=SIZES[:1])
    found = ended(folder)
    assert (found.state, found.cause, found.attempt) == ("failed", "cuda_oom", 2)
    assert found.reason.endswith(f"Try 'resume {folder.name}'.")
    control.resume(folder)
    assert ended(folder).attempt == 3
    assert sizes(folder) == [4]


def test_who_was_asked_to_stop_is_not_begun_again(started, ended, wait_until):
    code = """
import sys, time
from tarot_tui.jobs import worker
worker.progress(1, 2)
while not worker.stop_requested():
    time.sleep(0.02)
sys.exit("torch.OutOfMemoryError: CUDA out of memory.")
"""
    folder = started(code, retries=SIZES, request={"size": 8})
    wait_until(lambda: status.read(folder).step == 1)
    control.request(folder, "stop")
    assert (ended(folder).attempt, retry.taken(folder)) == (1, [])


def test_another_machine_takes_part_in_the_new_attempt_by_itself(started, ended):
    # The first machine's waits until the other's is there, which falls when the first has.
    first = HUNGRY.replace("if size > 2:", f"{WAIT}wait(f'other-{{size}}')\nif size > 2:")
    first = first.replace("    sys.exit(1)", "    (folder / 'fallen').touch()\n    sys.exit(1)")
    folder = started(first, "begun", retries=SIZES[2:], request={"size": 4})
    code = f"""
import sys
from tarot_tui.jobs import worker
from tarot_tui.jobs.retry import in_force
from tarot_tui.jobs.spec import read_spec
folder = worker.job_dir()
size = in_force(folder, read_spec(folder)["request"])["size"]
{WAIT}
(folder / f"other-{{size}}").touch()
wait("fallen" if size > 2 else "result.json")
if size > 2:
    sys.exit("RuntimeError: Connection closed by peer [127.0.0.1]:1")
"""
    there = nodes.make(folder, 1, {}, ["{python}", "-c", code], {})
    launch.start(there)
    assert ended(folder).state == "finished"
    assert (ended(there).state, status.read(there).attempt) == ("finished", 2)
    assert (folder / "other-2").exists()
