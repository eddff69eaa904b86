"""Runs that somebody else started, written here as LLaMA-Factory 0.9.5 and transformers 5 write them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tarot_tui.errors import Refused
from tarot_tui.jobs import control, foreign
from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.tui.run_reader import RunReader


def log_rows(steps: range, total: int, seconds_a_step: float, resumed_at: int = 0) -> list[dict]:
    """Lines of LLaMA-Factory's ``trainer_log.jsonl``; after a resume its clock begins at 0 and its ETA is nonsense."""
    rows = []
    for step in steps:
        elapsed = int((step - resumed_at) * seconds_a_step)
        remaining = elapsed / step * (total - step)
        rows.append(
            {
                "current_steps": step,
                "total_steps": total,
                "loss": 5.0 - step / total,
                "lr": 1e-4,
                "epoch": round(step / 13, 3),
                "percentage": round(100 * step / total, 2),
                "elapsed_time": str(timedelta(seconds=elapsed)),
                "remaining_time": str(timedelta(seconds=int(remaining))),
            }
        )
    return rows


def state(step: int, total: int) -> str:
    """A ``trainer_state.json``."""
    history = [
        {"epoch": 1.0, "grad_norm": 0.5, "learning_rate": 2e-4, "loss": 4.0 - at / total, "step": at}
        for at in range(10, step + 1, 10)
    ]
    history.append({"epoch": 1.0, "eval_loss": 3.5, "eval_runtime": 1.0, "step": step})
    return json.dumps({"global_step": step, "max_steps": total, "log_history": history})


@pytest.fixture
def factory(tmp_path: Path):
    """Makes a folder that LLaMA-Factory writes to."""

    def make(rows: list[dict]) -> Path:
        folder = tmp_path / "saves" / "lora"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "running_log.txt").write_text(
            "[INFO|2026-11-24 10:00:00] trainer.py:1 >> ***** Running training *****\n"
        )
        return folder

    return make


def age(folder: Path, seconds: float) -> None:
    """Let everything in ``folder`` have been written that long ago."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - seconds,) * 2)


def test_the_time_left_after_a_resume_is_that_of_the_attempt_and_not_of_all_steps(factory):
    # 900 steps at 19 s, then resumed: 10 s a step now, 90 more of them.
    rows = log_rows(range(10, 901, 10), 1000, 19) + log_rows(range(905, 911, 5), 1000, 10, resumed_at=900)
    folder = factory(rows)
    found = snapshot(folder)
    assert rows[-1]["remaining_time"] == "0:00:09"
    assert found.status.state == "running" and (found.status.step, found.status.total) == (910, 1000)
    assert found.eta_seconds == pytest.approx(900, abs=12)


def test_a_first_attempt_counts_from_its_first_step(factory):
    assert snapshot(factory(log_rows(range(5, 11, 5), 40, 60))).eta_seconds == pytest.approx(1800, abs=61)
    assert snapshot(factory(log_rows(range(5, 6, 5), 40, 60))).eta_seconds == pytest.approx(2100, abs=61)


@pytest.mark.parametrize(
    ("last", "silent_for", "expected"),
    [(10, 0, "running"), (10, 400, "lost"), (40, 400, "finished"), (40, 0, "finished")],
)
def test_the_state_is_judged_by_what_was_written_last(factory, last, silent_for, expected):
    folder = factory(log_rows(range(1, last + 1), 40, 2))
    age(folder, silent_for)
    found = snapshot(folder).status
    assert found.state == expected
    assert bool(found.reason) is (expected == "lost")


def test_slow_steps_are_not_taken_for_death(factory):
    folder = factory(log_rows(range(1, 6), 40, 600))
    age(folder, 3000)
    assert snapshot(folder).status.state == "running"
    age(folder, 7000)
    assert snapshot(folder).status.state == "lost"


def test_a_run_that_was_aborted_in_good_order_is_stopped_until_it_goes_on(factory):
    folder = factory(log_rows(range(1, 11), 40, 2))
    (folder / "trainer_state.json").write_text(state(10, 40))
    assert snapshot(folder).status.state == "stopped"
    age(folder, 1000)
    with open(folder / "trainer_log.jsonl", "a") as file:
        file.write(json.dumps(log_rows(range(11, 12), 40, 2, resumed_at=10)[0]) + "\n")
    assert snapshot(folder).status.state == "running"


def test_a_plain_output_folder_is_read_from_its_checkpoints(tmp_path):
    folder, now = tmp_path / "out", time.time()
    for step, seconds_ago in ((100, 200), (200, 100)):
        (folder / f"checkpoint-{step}").mkdir(parents=True)
        path = folder / f"checkpoint-{step}" / "trainer_state.json"
        path.write_text(state(step, 500))
        os.utime(path, (now - seconds_ago,) * 2)
    found = snapshot(folder)
    assert (found.status.state, found.status.step, found.status.total) == ("running", 200, 500)
    assert found.eta_seconds == pytest.approx(300, abs=3)
    assert found.metrics["loss"] == 3.6 and found.metrics["eval_loss"] == 3.5
    assert found.metrics["grad_norm"] == 0.5 and found.metrics["lr"] == 2e-4
    reader = RunReader(folder)
    look = reader.look()
    assert len(look.curves.of("loss").points) == 20
    assert [mark.step for mark in look.curves.marks] == [100, 200]
    assert reader.look().curves is look.curves


def test_the_screen_reads_a_foreign_run_like_one_of_ours(factory):
    folder = factory(log_rows(range(1, 11), 40, 2))
    reader = RunReader(folder)
    look = reader.look()
    assert look.title == "a run of LLaMA-Factory" and look.kind == "train"
    assert look.foreign
    assert [step for step, _loss in look.curves.of("loss").points] == list(range(1, 11))
    with open(folder / "trainer_log.jsonl", "a") as file:
        file.write('{"current_steps": 11, "total_st')
    assert reader.look().curves is look.curves


def test_a_job_of_ours_is_no_foreign_run_whatever_lies_in_it(job):
    folder = job()
    (folder / "checkpoint-3").mkdir()
    for place in (folder, folder / "checkpoint-3"):
        (place / "trainer_state.json").write_text(state(3, 40))
    (folder / "trainer_log.jsonl").touch()
    assert not foreign.is_foreign(folder)


def test_it_can_only_be_watched(factory):
    folder = factory(log_rows(range(1, 11), 40, 2))
    for ask in (lambda: control.request(folder, "stop"), lambda: control.resume(folder)):
        with pytest.raises(Refused, match="not started by tarot-tui"):
            ask()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"current_steps": "x"}\n', '{"current_steps": NaN}\n', "\xff\n"]
)
def test_damaged_files_are_no_fault(tmp_path, text):
    (tmp_path / "trainer_log.jsonl").write_text(text, "latin-1")
    (tmp_path / "trainer_state.json").write_text(text, "latin-1")
    assert foreign.is_foreign(tmp_path)
    snapshot(tmp_path)
    RunReader(tmp_path).look()


def test_watch_shows_a_folder_outside_of_any_project(factory):
    folder = factory(log_rows(range(1, 11), 40, 2))
    command = [sys.executable, "-m", "tarot_tui", "watch", str(folder)]
    shown = subprocess.run([*command, "--once"], capture_output=True, text=True, cwd="/")
    assert shown.returncode == 0, shown.stderr
    assert "10/40" in shown.stdout and "left" in shown.stdout and "Running training" in shown.stdout
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, cwd="/").stdout)
    assert found["state"] == "running" and found["step"] == 10
