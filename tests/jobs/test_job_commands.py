"""runs, watch --once, stop, resume: what they print and return."""

from __future__ import annotations

import json

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import files, status


@pytest.fixture
def call(project, capsys):
    """Runs one command in the project and gives its exit code, output and complaint."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--project", str(project.root), "--lang", "en"])
        return code, *capsys.readouterr()

    return run


def test_runs_lists_the_newest_first(call, job):
    assert call("runs")[:2] == (0, "No runs yet: 'tarot-tui train' starts one.\n")
    assert call("runs", "--json")[:2] == (0, "[]\n")
    older, newer = job(slug="older"), job(slug="newer")
    (older / files.METRICS).write_text('{"current_steps": 1, "loss": 1.25}\n')
    lines = call("runs")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["name", newer.name, older.name]
    assert "waiting" in lines[1] and "1.2500" in lines[2]
    listed = json.loads(call("runs", "--json")[1])
    assert [one["name"] for one in listed] == [newer.name, older.name]
    assert listed[0]["state"] == "queued"
    assert call("runs", "--kind", "export", "--json")[1] == "[]\n"


def test_watch_once_is_plain_and_whole(call, started, wait_until):
    folder = started(slug="deck")
    (folder / files.METRICS).write_text(
        '{"current_steps": 1, "total_steps": 40, "loss": 0.5, "lr": 0.0002}\n'
    )
    wait_until(lambda: status.read(folder).step and (folder / files.HARDWARE).exists())
    code, text, _ = call("watch", "deck", "--once")
    assert code == 0
    for words in (
        f"{folder.name}  running",
        "/40 steps, counting",
        "loss 0.5, lr 0.0002",
        "CPU",
        "RAM",
        "  | step",
    ):
        assert words in text
    assert "\x1b" not in text
    found = json.loads(call("watch", "-1", "--once", "--json")[1])
    assert (found["state"], found["total"], found["metrics"]["loss"]) == ("running", 40, 0.5)


def test_stop_and_resume(call, started, wait_until, let_finish):
    folder = started()
    wait_until(lambda: status.read(folder).step)
    code, text, _ = call("stop", "-1", "--wait")
    assert code == 0
    assert "saves a checkpoint" in text and f"{folder.name} is stopped." in text
    let_finish(folder)
    code, text, _ = call("resume", "--follow")
    assert code == 0
    assert "step 40\n" in text and text.endswith(f"{folder.name} is finished.\n")


def test_stop_now_does_not_save(call, started):
    folder = started()
    assert json.loads(call("stop", "--now", "--wait", "--json")[1]) == {
        "name": folder.name, "asked": "kill", "state": "stopped",
    }  # fmt: skip
    assert not (folder / files.RESULT).exists()


def test_what_cannot_be_done_is_refused_in_one_sentence(call, job):
    folder = job()
    code, text, complaint = call("stop")
    assert (code, text) == (3, "")
    assert complaint == f"tarot-tui: {folder.name} is not running; it is waiting.\n"
    code, text, complaint = call("watch", "nonsense", "--once")
    assert (code, text) == (2, "")
    assert complaint.startswith("tarot-tui: There is no run 'nonsense'") and complaint.count("\n") == 1
