"""The steps of one job: done once, whatever happens between two of them."""

from __future__ import annotations

import json

import pytest

from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.jobs.steps import Steps, read

THREE = """
import os, sys, time
from pathlib import Path
from tarot_tui.jobs import worker
from tarot_tui.jobs.steps import Steps
steps = Steps(worker.job_dir(), ["first", "second", "third"])
for name in ("first", "second", "third"):
    with steps.step(name, title=f"the {name}") as step:
        if step:
            with open("done.txt", "a") as file:
                file.write(name + "\\n")
            if name == "second" and not Path("mended").exists():
                os.kill(os.getpid(), 9)
worker.result("finished")
"""


def test_a_step_that_is_done_is_skipped_and_still_gives_its_facts(tmp_path):
    for attempt in (1, 2):
        with Steps(tmp_path).step("count", key="a") as step:
            assert bool(step) is (attempt == 1)
            if step:
                step.facts["rows"] = 7
        assert step.facts == {"rows": 7}


def test_a_step_that_fails_is_not_done(tmp_path):
    with pytest.raises(RuntimeError), Steps(tmp_path).step("break"):
        raise RuntimeError
    (step,) = read(tmp_path)
    assert step.state == "begun" and step.started and step.ended is None
    with Steps(tmp_path).step("break") as again:
        assert again


def test_another_key_does_the_step_and_those_after_it_anew(tmp_path):
    def run(key: str) -> list[str]:
        steps, done = Steps(tmp_path), []
        for name in ("load", "merge", "write"):
            with steps.step(name, key=key if name == "merge" else "") as step:
                if step:
                    done.append(name)
        return done

    assert run("a") == ["load", "merge", "write"]
    assert run("a") == []
    assert run("b") == ["merge", "write"]


def test_without_a_job_folder_every_step_is_done_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Steps(None).step("alone") as step:
        assert step
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"steps": 3}', '{"steps": [3, {"name": 1}]}', '{"steps": [{"name": "a", "state": "?"}]}'],
)
def test_a_damaged_record_counts_as_not_done(tmp_path, text):
    (tmp_path / "steps.json").write_text(text)
    with Steps(tmp_path).step("a") as step:
        assert step
    assert json.loads((tmp_path / "steps.json").read_text())["steps"][-1]["state"] == "done"


def test_a_killed_job_goes_on_with_the_step_that_it_was_in(job, ended):
    from tarot_tui.jobs import launch

    folder = job(THREE)
    launch.start(folder)
    assert ended(folder).state == "failed"
    states = [step["state"] for step in snapshot(folder).as_dict()["steps"]]
    assert states == ["done", "begun", "waiting"]
    (folder / "mended").touch()
    launch.start(folder)
    assert ended(folder).state == "finished"
    assert (folder / "done.txt").read_text().split() == ["first", "second", "second", "third"]
    assert [step.title for step in snapshot(folder).steps] == ["the first", "the second", "the third"]
