"""Jobs from start to end, with real processes: what outlives what, and what is said about it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from tarot_tui.errors import Refused
from tarot_tui.jobs import control, files, identity, launch, spec, status
from tarot_tui.jobs.log import last_lines


def test_a_job_runs_to_its_end_and_leaves_its_story(started, ended):
    folder = started(
        slug="three", code="print('done')\nfrom tarot_tui.jobs import worker\nworker.result('finished')"
    )
    found = ended(folder)
    assert (found.state, found.exit_code, found.attempt, found.reason) == ("finished", 0, 1, "")
    assert found.ended >= found.started
    assert last_lines(folder / files.LOG, 5) == ["done"]
    assert (folder / files.SUPERVISOR_LOG).read_text() == ""
    states = [row["state"] for row in _events(folder) if row["kind"] == "state"]
    assert states == ["starting", "running", "finished"]


def test_progress_of_the_worker_appears_in_the_status(started, wait_until):
    folder = started()
    found = wait_until(lambda: (now := status.read(folder)).step and now)
    assert (found.state, found.unit, found.what) == ("running", "steps", "counting")
    assert found.total == 40


def test_a_trainer_that_only_logs_is_followed_by_its_log(started, ended):
    code = """
import json
with open("trainer_log.jsonl", "a") as log:
    for step in (5, 10):
        print(json.dumps({"current_steps": step, "total_steps": 10, "loss": 1.5}), file=log, flush=True)
"""
    found = ended(started(code=code))
    assert (found.state, found.step, found.total) == ("finished", 10, 10)


def test_exit_code_0_with_steps_left_is_a_failure(started, ended):
    found = ended(started("from tarot_tui.jobs import worker\nworker.progress(3, 10)"))
    assert (found.state, found.cause, found.exit_code) == ("failed", "incomplete", 0)
    assert "3 of 10" in found.reason


def test_a_python_error_is_named_with_its_place(started, ended):
    found = ended(started("def work():\n    raise ValueError('the deck has 77 cards')\nwork()"))
    assert (found.state, found.cause, found.exit_code) == ("failed", "python_error", 1)
    assert found.reason.startswith("ValueError: the deck has 77 cards (in <string>:2;")


def test_a_program_that_does_not_exist_is_a_failure_with_its_name(project, ended):
    folder = spec.create(project, "train", "none", ["no-such-program"], {})
    launch.start(folder)
    found = ended(folder)
    assert (found.state, found.cause) == ("failed", "cannot_start")
    assert "no-such-program" in found.reason


def test_the_worker_outlives_its_launcher(job, wait_until):
    folder = job()
    code = (
        f"import time; from pathlib import Path; from tarot_tui.jobs import launch\n"
        f"launch.start(Path({str(folder)!r})); print('up', flush=True); time.sleep(60)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert launcher.stdout.readline() == b"up\n"
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()
    before = status.read(folder)
    assert before.state == "running"
    later = wait_until(lambda: (now := status.read(folder)).heartbeat > before.heartbeat and now.step and now)
    assert identity.is_alive(later.worker)
    assert identity.is_alive(later.supervisor)


def test_supervisor_and_worker_stand_apart_from_terminal_and_launcher(started):
    folder = started()
    found = status.read(folder)
    for pid in (found.supervisor.pid, found.worker.pid):
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert psutil.Process(pid).terminal() is None
        assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
        ignored = int(_proc_status(pid)["SigIgn"], 16)
        assert ignored & 1 << (signal.SIGHUP - 1)
    assert (folder / files.LOG).stat().st_mode & 0o077 == 0
    opened = {os.readlink(f"/proc/{found.worker.pid}/fd/{fd}") for fd in (1, 2)}
    assert opened == {str(folder / files.LOG)}


def test_what_the_launcher_had_open_stays_with_the_launcher(job, tmp_path):
    with open(tmp_path / "open-in-the-launcher", "wb") as file:
        os.set_inheritable(file.fileno(), True)
        folder = job("import time; time.sleep(60)")
        launch.start(folder)
    found = status.read(folder)
    for pid in (found.supervisor.pid, found.worker.pid):
        opened = _opened(pid)
        assert os.devnull in opened and str(tmp_path / "open-in-the-launcher") not in opened
        assert not any(name.startswith(("socket:", "/dev/pts", "/dev/tty")) for name in opened)


def test_the_worker_finds_its_folder_and_the_environment_that_workers_need(started, ended):
    code = """
import os, sys
from tarot_tui.jobs import worker
print(worker.job_dir() == __import__("pathlib").Path.cwd())
print(*[os.environ[name] for name in ("PYTHONUNBUFFERED", "PYTHONFAULTHANDLER", "TOKENIZERS_PARALLELISM", "MINE")])
print(sys.argv[1])
"""
    folder = started(code, "{job}/out", env={"MINE": "yes"})
    assert ended(folder).state == "finished"
    assert last_lines(folder / files.LOG, 3) == ["True", "1 1 false yes", f"{folder}/out"]


def test_a_module_that_lies_in_the_job_folder_is_not_imported(job, ended):
    folder = job("import json, sys; print(json.dumps(1))")
    (folder / "json.py").write_text("raise SystemExit('hijacked')")
    (folder / "psutil.py").write_text("raise SystemExit('hijacked')")
    launch.start(folder)
    assert ended(folder).state == "finished"


def test_a_source_tree_named_by_a_relative_path_is_found_from_the_job_folder(project, ended, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "only_here.py").write_text("print('found')")
    folder = spec.create(project, "train", "path", ["{python}", "-c", "import only_here"], {})
    code = f"from pathlib import Path; from tarot_tui.jobs import launch; launch.start(Path({str(folder)!r}))"
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": "lib"}, check=True
    )
    assert ended(folder).state == "finished"


def test_stop_lets_the_worker_save_and_resume_goes_on(started, ended, wait_until):
    folder = started()
    (folder / files.METRICS).write_text('{"current_steps": 1, "total_steps": 40}\n')
    wait_until(lambda: status.read(folder).step)
    control.request(folder, "stop")
    found = ended(folder)
    assert (found.state, found.exit_code) == ("stopped", 0)
    assert not list(folder.glob("request.*")) and not (folder / files.WORKER_STOP).exists()

    again = control.resume(folder)
    assert (again.state, again.attempt) == ("running", 2)
    assert not (folder / files.RESULT).exists()
    wait_until(lambda: status.read(folder).step)
    log = last_lines(folder / files.LOG, 100)
    assert log.count("step 1") == 2
    assert sum(line.startswith("--- attempt 2") for line in log) == 1
    assert last_lines(folder / files.LOG, 100, again.log_from)[0] == "step 1"
    assert (folder / files.METRICS).read_text().startswith('{"current_steps": 1,')


def test_a_worker_that_will_not_stop_is_ended_by_force(started, ended, wait_until):
    code = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(100)
"""
    folder = started(code, stop_grace=0.4, term_grace=0.4)
    wait_until(lambda: last_lines(folder / files.LOG, 1) == ["deaf"])
    control.request(folder, "stop")
    found = ended(folder)
    assert (found.state, found.cause, found.signal) == ("stopped", "forced", signal.SIGKILL)
    told = [row["reason"] for row in _events(folder) if row.get("state") == "stopping"]
    assert "by force" in told[0]


def test_kill_ends_at_once_without_saving_a_worker_that_saves_on_sigterm(started, ended, wait_until):
    code = """
import time
from tarot_tui.jobs import worker
worker.stop_on_sigterm()
worker.progress(1, 5)
while not worker.stop_requested():
    time.sleep(0.02)
worker.result("stopped")
"""
    folder = started(code)
    wait_until(lambda: status.read(folder).step)
    control.request(folder, "kill")
    found = ended(folder)
    assert (found.state, found.cause, found.signal) == ("stopped", "forced", signal.SIGKILL)
    assert "at once" in found.reason and not (folder / files.RESULT).exists()


def test_save_reaches_the_worker_once_and_it_goes_on(started, ended, wait_until):
    code = """
import time
from tarot_tui.jobs import worker
saved = 0
while not worker.stop_requested():
    saved += worker.save_requested()
    print("saved", saved, flush=True)
    time.sleep(0.02)
worker.result("stopped", saved=saved)
"""
    folder = started(code)
    control.request(folder, "save")
    wait_until(lambda: "saved 1" in last_lines(folder / files.LOG, 50))
    assert status.read(folder).state == "running"
    control.request(folder, "stop")
    assert ended(folder).state == "stopped"
    assert files.read_json(folder / files.RESULT)["saved"] == 1


def test_sigterm_to_the_supervisor_stops_the_job_cleanly(started, ended, wait_until):
    folder = started()
    wait_until(lambda: status.read(folder).step)
    os.kill(status.read(folder).supervisor.pid, signal.SIGTERM)
    assert ended(folder).state == "stopped"


def test_a_worker_goes_on_without_its_supervisor_and_can_still_be_stopped(started, kill, ended, wait_until):
    folder = started()
    kill(status.read(folder).supervisor)
    found = status.read(folder)
    assert (found.state, found.supervised, found.cause) == ("running", False, "unsupervised")
    assert identity.is_alive(found.worker)
    control.request(folder, "stop")
    assert ended(folder).state == "stopped"


def test_an_unsupervised_worker_can_be_killed(started, kill, ended):
    folder = started()
    kill(status.read(folder).supervisor)
    control.request(folder, "kill")
    assert ended(folder).state == "lost"


def test_resume_takes_an_unsupervised_worker_under_supervision(started, kill, ended, let_finish):
    folder = started(total=None)
    before = status.read(folder)
    kill(before.supervisor)
    after = control.resume(folder)
    assert (after.state, after.supervised, after.attempt) == ("running", True, 1)
    assert after.worker == before.worker
    assert after.supervisor != before.supervisor
    let_finish(folder)
    found = ended(folder)
    assert (found.state, found.step, found.exit_code) == ("finished", 40, None)
    assert last_lines(folder / files.LOG, 100).count("step 1") == 1


def test_a_worker_that_was_never_written_down_is_adopted_all_the_same(started, kill):
    folder = started()
    before = status.read(folder)
    kill(before.supervisor)
    stored = files.read_json(folder / files.STATUS)
    files.write_json(folder / files.STATUS, {**stored, "state": "starting", "worker": None})
    after = control.resume(folder)
    assert (after.worker, after.attempt) == (before.worker, 1)


def test_ranks_that_outlived_their_launcher_are_ended_before_a_new_attempt(started, kill, wait_until):
    code = """
import subprocess
rank = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(rank.pid, flush=True)
rank.wait()
"""
    folder = started(code)
    rank = identity.of(int(wait_until(lambda: last_lines(folder / files.LOG, 1))[0]))
    found = status.read(folder)
    kill(found.supervisor)
    kill(found.worker)
    assert identity.is_alive(rank)
    assert control.resume(folder).attempt == 2
    assert not identity.is_alive(rank)


def test_a_job_of_which_nothing_lives_is_lost_and_can_be_resumed(started, kill):
    folder = started()
    found = status.read(folder)
    kill(found.supervisor)
    kill(found.worker)
    lost = status.read(folder)
    assert (lost.state, lost.alive) == ("lost", False)
    assert lost.reason
    with pytest.raises(Refused):
        control.request(folder, "stop")
    assert control.resume(folder).attempt == 2


def test_a_finished_job_is_not_resumed(started, ended):
    folder = started("pass")
    ended(folder)
    with pytest.raises(Refused, match="finished"):
        control.resume(folder)


def test_what_a_worker_leaves_behind_is_ended(started, ended):
    code = """
import subprocess
left = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(left.pid)
"""
    folder = started(code)
    assert ended(folder).state == "finished"
    left = int(last_lines(folder / files.LOG, 1)[0])
    assert not psutil.pid_exists(left)
    assert [row for row in _events(folder) if row["kind"] == "strays_killed"][0]["processes"] == [
        f"sleep ({left})"
    ]


def test_kill_reaches_ranks_in_sessions_of_their_own(started, ended, wait_until):
    code = """
import subprocess
rank = subprocess.Popen(["sleep", "300"], start_new_session=True)
print(rank.pid, flush=True)
rank.wait()
"""
    folder = started(code)
    rank = int(wait_until(lambda: last_lines(folder / files.LOG, 1))[0])
    control.request(folder, "kill")
    assert ended(folder).state == "stopped"
    assert not psutil.pid_exists(rank)


def test_a_job_goes_on_in_a_folder_that_is_moved(started, wait_until, ended):
    folder = started()
    wait_until(lambda: status.read(folder).step)
    moved = folder.with_name(folder.name + "-moved")
    folder.rename(moved)
    control.request(moved, "kill")
    assert ended(moved).state == "stopped"
    assert not folder.exists()


def _events(folder):
    from tarot_tui.jobs.metrics import MetricsReader

    return MetricsReader(folder / files.EVENTS).read()


def _opened(pid):
    found = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(os.readlink(entry.path))
    return found


def _proc_status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
