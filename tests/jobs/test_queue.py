"""Runs that wait for their turn: in order, one at a time, over kills and reboots, and never started twice."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput, Refused
from tarot_tui.jobs import gpus, hardware, launch, queue, queue_runner, spec, status
from tarot_tui.jobs.queue import Entry

#: Says when it ran, and never beside another: the file is there while one works.
ALONE = """
import os, sys, time
from tarot_tui.jobs import worker
place = os.path.join("..", "working")
handle = os.open(place, os.O_CREAT | os.O_EXCL)
with open(os.path.join("..", "order.txt"), "a") as file:
    file.write(os.path.basename(os.getcwd()).split("-")[2] + "\\n")
time.sleep(0.3)
os.unlink(place)
worker.result("finished")
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(queue_runner, "_SECONDS_BETWEEN_LOOKS", 0.05)


@pytest.fixture
def waiting(job, project):
    """Makes jobs that wait, and ends the runner after the test."""

    def make(slug: str, code: str = ALONE, after: str | None = None, **keys):
        folder = job(code, slug=slug, **keys)
        queue.add(project, folder, after)
        return folder

    return make


def order(project) -> list[str]:
    path = project.jobs / "order.txt"
    return path.read_text().split() if path.exists() else []


def test_on_a_cpu_they_run_one_at_a_time_in_their_order(waiting, project):
    a, b, c = (waiting(slug) for slug in "abc")
    queue.move(project, c.name, 1)
    assert [entry.job for entry in queue.entries(project)] == [c.name, a.name, b.name]
    queue_runner.run_queue(project)
    _wait_for_all(project)
    assert order(project) == ["c", "a", "b"]
    assert all(status.read(folder).state == "finished" for folder in (a, b, c))
    assert queue.entries(project) == []


def test_a_run_waits_for_the_one_it_needs_and_not_for_one_that_failed(waiting, project):
    first = waiting("first", "import time; time.sleep(0.2); raise SystemExit(1)")
    late = waiting("late", after=first.name)
    other = waiting("other")
    runner = threading.Thread(target=queue_runner.run_queue, args=(project,), daemon=True)
    runner.start()
    _until(lambda: status.read(other).state == "finished" and status.read(first).state == "failed")
    _until(lambda: [entry.job for entry in queue.entries(project)] == [late.name])
    assert "failed" in queue.not_ready(project, queue.entries(project)[0])
    queue.take_out(project, late.name)
    runner.join(60)
    assert not runner.is_alive() and status.read(late).state == "queued"


def test_the_queue_outlives_its_runner_and_no_run_is_started_twice(waiting, project, kill):
    slugs = "abcdef"
    folders = [waiting(slug) for slug in slugs]
    while queue.entries(project):
        assert queue.ensure_runner(project)
        assert queue.runs(project) or not queue.entries(project)
        # It may have ended by itself in between, but only when nothing waited any more.
        assert not queue.ensure_runner(project) or not queue.entries(project)
        time.sleep(0.7)
        with suppress(ProcessLookupError):
            kill(queue.runner(project))
    _wait_for_all(project)
    assert order(project) == list(slugs)
    assert [status.read(folder).attempt for folder in folders] == [1] * len(slugs)


def test_a_run_that_is_just_being_started_is_waited_for(waiting, project, monkeypatch):
    folders = [waiting(slug) for slug in "ab"]
    tried = []

    def start(folder):
        # A runner that was killed meanwhile still got it going.
        tried.append(folder)
        begun = launch_start(folder)
        if len(tried) == 1:
            raise launch.Busy("busy")
        return begun

    launch_start = launch.start
    monkeypatch.setattr(launch, "start", start)
    queue_runner.run_queue(project)
    _wait_for_all(project)
    assert tried == folders and order(project) == ["a", "b"]


def test_a_stopped_run_is_resumed_by_the_queue(started, ended, project, wait_until, let_finish):
    from tarot_tui.jobs import control

    folder = started()
    wait_until(lambda: (status.read(folder).step or 0) > 1)
    control.request(folder, "stop")
    assert ended(folder).state == "stopped"
    let_finish(folder)
    queue.add(project, folder)
    queue_runner.run_queue(project)
    assert ended(folder).state == "finished" and status.read(folder).attempt == 2


def test_what_cannot_be_started_waits_for_a_hand_and_lets_the_others_by(waiting, project):
    broken, good = waiting("broken"), waiting("good")
    (broken / "job.yaml").write_text("argv: nothing\n")
    queue_runner.run_queue(project)
    _wait_for_all(project)
    (entry,) = queue.entries(project)
    assert entry.job == broken.name and "argv" in entry.problem
    assert status.read(good).state == "finished"


def test_what_makes_no_sense_is_not_taken_in(waiting, job, project, started, ended):
    a = waiting("a")
    b = waiting("b", after=a.name)
    with pytest.raises(Refused, match="already"):
        queue.add(project, a)
    queue.take_out(project, a.name)
    with pytest.raises(BadInput, match="wait for each other"):
        queue.add(project, a, b.name)
    with pytest.raises(BadInput, match="itself"):
        queue.add(project, a, a.name)
    with pytest.raises(BadInput, match="not in the queue"):
        queue.move(project, a.name, 1)
    done = started("from tarot_tui.jobs import worker; worker.result('finished')")
    ended(done)
    with pytest.raises(Refused, match="finished"):
        queue.add(project, done)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"entries": 1}', '{"entries": [1, {"job": "../../etc"}, {"job": "a", "after": "/b"}]}'],
)
def test_a_damaged_queue_is_empty(project, text):
    (project.jobs / "queue.json").write_text(text)
    assert queue.entries(project) == []


def test_two_logins_that_change_it_at_once_lose_nothing(job, project):
    folders = [job(ALONE, slug=f"n{number}") for number in range(12)]
    threads = [threading.Thread(target=queue.add, args=(project, folder)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.job for entry in queue.entries(project)} == {folder.name for folder in folders}


# No machine of ours has eight GPUs: their readings are given, in the shape that NVML's take.


@pytest.fixture
def machine(monkeypatch):
    """A machine with GPUs, each given as (share of memory used, processes seen)."""

    def make(*readings: tuple[float, int | None]):
        found = [
            {"index": index, "mem_used": round(used * 80e9), "mem_total": 80e9, "processes": processes}
            for index, (used, processes) in enumerate(readings)
        ]
        monkeypatch.setattr(hardware, "gpus", lambda: found)
        monkeypatch.setattr(hardware, "has_gpus", lambda: bool(found))

    return make


def test_a_gpu_is_free_when_neither_memory_nor_a_process_is_on_it(machine, project):
    # Used by a process; by one that a container hides; silent about processes; free; free.
    machine((0.01, 1), (0.5, 0), (0.01, None), (0.01, 0), (0.0, 0))
    assert gpus.free(project, 2) == ["2", "3"]
    assert gpus.free(project, 3) == ["2", "3", "4"]
    assert gpus.free(project, 4) is None
    assert not gpus.is_idle({"index": 0, "mem_used": 0, "mem_total": 1, "processes": 0, "stale": True})
    assert not gpus.is_idle({"index": 0, "mem_used": None, "mem_total": None})
    machine()
    assert gpus.free(project, 1) is None


def test_a_gpu_of_a_run_that_has_not_touched_it_yet_counts_as_taken(machine, project, started):
    started("import time; time.sleep(600)", env={"CUDA_VISIBLE_DEVICES": "1"})
    machine((0.0, 0), (0.0, 0), (0.0, 0))
    assert gpus.free(project, 2) == ["0", "2"]


def test_many_small_runs_do_not_starve_a_large_one(machine, project, job):
    large = job(slug="large", env={"CUDA_VISIBLE_DEVICES": "0,1"})
    small = job(slug="small", env={"CUDA_VISIBLE_DEVICES": "0"})
    cpu = job(slug="cpu")
    for folder in (large, small, cpu):
        queue.add(project, folder)
    machine((0.0, 0), (0.9, 1))
    assert [entry.gpus for entry in queue.entries(project)] == [2, 1, 0]
    assert queue_runner.next_to_start(project).job == cpu.name
    queue.move(project, small.name, 1)
    assert queue_runner.next_to_start(project).job == small.name


def test_a_waiting_run_gets_the_gpus_that_are_free_when_its_turn_comes(machine, project, waiting, ended):
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES']); from tarot_tui.jobs import worker; worker.result('finished')"
    folder = waiting("gpu", code, env={"CUDA_VISIBLE_DEVICES": "0", "OTHER": "x"})
    machine((0.9, 1), (0.9, 1), (0.0, 0))
    queue_runner.run_queue(project)
    assert ended(folder).state == "finished"
    assert (folder / "log.txt").read_text().strip() == "2"
    assert spec.read_spec(folder)["env"] == {"CUDA_VISIBLE_DEVICES": "2", "OTHER": "x"}


def test_the_command_lists_moves_and_takes_out(waiting, project, capsys):
    def tarot(*words: str) -> str:
        assert main(["queue", "--project", str(project.root), *words]) == 0
        return capsys.readouterr().out

    a, b = waiting("a"), waiting("b")
    assert "Nobody looks after the queue" in tarot()
    tarot("move", b.name, "1")
    found = json.loads(tarot("list", "--json"))
    assert [entry["job"] for entry in found["entries"]] == [b.name, a.name] and not found["runner"]
    tarot("rm", b.name)
    assert tarot("add", "b", "--after", a.name, "--no-run")
    assert queue.entries(project) == [Entry(a.name), Entry(b.name, after=a.name)]
    assert "waits for" in tarot()
    assert json.loads(tarot("run", "--json")) == {"started": True}
    _wait_for_all(project)
    assert order(project) == ["a", "b"]


def _wait_for_all(project) -> None:
    _until(
        lambda: (
            not queue.runs(project)
            and not any(status.read(path.parent).alive for path in project.jobs.glob("*/job.yaml"))
        )
    )


def _until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
