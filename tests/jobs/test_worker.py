"""The worker's side of the job folder."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tarot_tui.jobs import files, worker


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A job folder that this process is the worker of."""
    monkeypatch.setenv(worker.VARIABLE, str(tmp_path))
    monkeypatch.setattr(worker, "_written", {})
    monkeypatch.setattr(worker, "_pending", None)
    monkeypatch.setattr(worker, "_written_at", float("-inf"))
    return tmp_path


def said(folder) -> dict:
    found = files.read_json(folder / files.PROGRESS)
    found.pop("time", None)
    return found


def test_steps_in_quick_succession_are_written_twice_a_second_and_the_last_always(folder, monkeypatch):
    writes = []
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(files, "write_json", lambda path, value: writes.append(value["step"]))
    clock = [100.0]
    for step in range(100):
        clock[0] = 100 + step / 50
        worker.progress(step, 1000)
    assert writes == [0, 25, 50, 75]
    worker.flush()
    assert writes == [0, 25, 50, 75, 99]


def test_the_end_and_a_change_of_what_is_done_are_written_at_once(folder):
    worker.progress(0, 10, what="loading")
    worker.progress(0, 10, what="training")
    assert said(folder) == {"step": 0, "total": 10, "unit": "steps", "what": "training"}
    worker.progress(1, 10, what="training")
    assert said(folder)["step"] == 0
    worker.progress(10, 10, what="training")
    assert said(folder)["step"] == 10


def test_what_was_held_back_is_written_when_the_process_ends(folder):
    code = "from tarot_tui.jobs import worker\nfor step in range(5): worker.progress(step, None, 'bytes')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert said(folder) == {"step": 4, "total": None, "unit": "bytes", "what": ""}


def test_only_rank_0_writes(folder, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    worker.progress(1, 2)
    worker.event("checkpoint", step=1)
    worker.result("finished")
    assert list(folder.iterdir()) == []


def test_outside_a_job_everything_is_quiet(monkeypatch, tmp_path):
    monkeypatch.delenv(worker.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    worker.progress(1, 2)
    worker.result("finished")
    assert worker.job_dir() is None
    assert not worker.stop_requested() and not worker.save_requested()
    assert list(tmp_path.iterdir()) == []


def test_events_and_findings_are_lines(folder):
    worker.event("checkpoint", step=5)
    worker.finding("train.nan", "warning", "The loss jumped.")
    rows = [json.loads(line) for line in (folder / files.EVENTS).read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["checkpoint", "finding"]
    assert rows[0]["step"] == 5 and rows[1]["id"] == "train.nan"


def test_a_worker_needs_nothing_but_the_standard_library():
    code = "import sys; from tarot_tui.jobs import worker; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {name for name in loaded - set(sys.stdlib_module_names) if not name.startswith(("_", "tarot_tui"))} & {
        "psutil", "yaml", "pydantic", "rich", "textual", "torch", "numpy",
    }  # fmt: skip
