"""Looking at runs, and taking away what is no longer wanted; never what lives, never outside of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import launch, log, spec


@pytest.fixture
def tarot(project, capsys):
    """Runs a command in the project and gives its exit code, output and errors."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([words[0], "--project", str(project.root), *words[1:]])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def done(project):
    """Makes the folder of a job that has ended, without running anything."""

    def make(
        slug: str, state: str = "finished", kind: str = "train", loss: float | None = None, **facts
    ) -> Path:
        folder = spec.create(project, kind, slug, ["true"], {})
        facts = {"state": state, "started": 100.0, "ended": 160.0, "attempt": 1, **facts}
        (folder / "status.json").write_text(json.dumps(facts))
        if loss is not None:
            (folder / "trainer_log.jsonl").write_text(json.dumps({"current_steps": 1, "loss": loss}) + "\n")
        return folder

    return make


def test_runs_are_chosen_by_state_and_kind_and_sorted_by_what_matters(tarot, done):
    done("good", loss=0.5, ended=400.0)
    done("bad", "failed", loss=2.0)
    done("nan", "failed", loss=float("nan"))
    done("shipped", kind="export")

    def names(*options: str) -> list[str]:
        code, out, _err = tarot("runs", "--json", *options)
        assert code == 0
        return [one["name"].split("-")[2] for one in json.loads(out)]

    assert names() == ["shipped", "nan", "bad", "good"]
    assert names("--state", "failed") == ["nan", "bad"]
    assert names("--state", "failed,finished", "--kind", "train", "--sort", "loss") == ["good", "bad", "nan"]
    assert names("--sort", "time", "-n", "1") == ["good"]
    assert names("--sort", "state")[:2] == ["shipped", "good"]
    assert names("--state", "alive") == []
    code, _out, err = tarot("runs", "--state", "dead")
    assert code == 2 and "dead" in err and "lost" in err


def test_rm_deletes_what_was_named_and_nothing_else(tarot, done, project):
    kept, doomed = done("kept"), done("doomed")
    code, _out, err = tarot("rm", "doomed")
    assert code == 3 and "--yes" in err and doomed.exists()
    (project.jobs / ".20260101-000000-half.removed").mkdir()  # an earlier one was interrupted
    code, out, _err = tarot("rm", "doomed", "--yes", "--json")
    assert code == 0 and json.loads(out)["removed"] == [doomed.name]
    assert kept.is_dir() and os.listdir(project.jobs) == [kept.name]


def test_rm_never_follows_a_link_out_of_the_project(tarot, done, project, tmp_path):
    outside = tmp_path / "precious"
    done("inside").rename(outside)
    (project.jobs / "20260101-000000-link").symlink_to(outside)
    code, _out, err = tarot("rm", "link", "--yes")
    assert code == 3 and "does not lie in" in err
    assert (outside / "job.yaml").is_file()
    # And a link inside of a run is removed as a link.
    run = done("run")
    (run / "checkpoint-1").symlink_to(outside)
    assert tarot("rm", run.name, "--yes")[0] == 0
    assert (outside / "job.yaml").is_file()


def test_rm_leaves_a_running_job_alone(tarot, started, ended):
    folder = started()
    code, _out, err = tarot("rm", "-1", "--yes")
    assert code == 3 and "stop it first" in err and folder.is_dir()
    assert tarot("kill", "-1", "--wait")[0] == 0
    ended(folder)
    assert tarot("rm", "-1", "--yes")[0] == 0 and not folder.exists()


def test_rm_leaves_a_job_alone_that_another_machine_may_still_run(tarot, done):
    folder = done(
        "far",
        "running",
        heartbeat=time.time() - 3600,
        supervisor={"pid": 1, "start_time": 1, "boot_id": "x", "namespace": "x", "host": "node7"},
    )
    os.utime(folder / "status.json", (time.time() - 3600,) * 2)
    code, _out, err = tarot("rm", "far", "--yes")
    assert code == 3 and "node7" in err and folder.is_dir()


def test_tail_prints_the_last_lines_and_with_f_what_comes(started, project):
    code = "import time\nfor n in range(30):\n    print('line', n, flush=True)\n    time.sleep(0.05)"
    folder = started(code + "\nfrom tarot_tui.jobs import worker\nworker.result('finished')")
    command = [sys.executable, "-m", "tarot_tui", "tail", "--project", str(project.root)]
    followed = subprocess.run([*command, "-f", "-q"], capture_output=True, text=True, timeout=60)
    assert followed.returncode == 0, followed.stderr
    lines = followed.stdout.split("\n")[:-1]
    assert lines == [f"line {n}" for n in range(30 - len(lines), 30)]
    last = subprocess.run([*command, "-n", "3", "--json"], capture_output=True, text=True)
    assert json.loads(last.stdout) == {"name": folder.name, "lines": ["line 27", "line 28", "line 29"]}


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\nb", "a\nb\n", "\n\n\n", "x" * 70_000 + "\nb\nc\n"])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_following_begins_where_the_last_lines_do(tmp_path, text, count):
    path = tmp_path / "log"
    path.write_text(text)
    lines, rest = log.Tail(path, log.start_of_last_lines(path, count)).read()
    shown = lines + ([rest] if rest else [])
    assert shown == log.last_lines(path, count)


def test_readers_of_a_job_that_is_started_at_that_moment_never_see_nonsense(job, ended, let_finish):
    from tarot_tui.jobs.snapshot import snapshot

    folder, seen, over = job(), [], threading.Event()

    def read() -> None:
        while not over.is_set():
            seen.append(snapshot(folder).status)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    let_finish(folder)
    launch.start(folder)
    ended(folder)
    over.set()
    for reader in readers:
        reader.join()
    order = ["queued", "starting", "running", "finished"]
    assert {status.state for status in seen} <= set(order)
    assert not any(status.cause == "damaged" for status in seen)


def test_compare_says_what_differs_and_draws_both_curves_over_the_same_axes(tarot, done, project):
    for slug, rate, losses in (
        ("slow", 1e-4, [4.0, 3.0, 2.0]),
        ("fast", 1e-3, [4.0, 1.0, float("nan"), 0.5]),
    ):
        folder = done(slug)
        spec.rewrite(
            folder, request={"learning_rate": rate, "dataset": ["cards"], "device": {"free": id(slug)}}
        )
        rows = [{"current_steps": step, "loss": loss} for step, loss in enumerate(losses, 1)]
        rows.append({"current_steps": 3, "eval_loss": losses[1]})
        (folder / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _err = tarot("compare", "-2", "-1", "--json")
    found = json.loads(out)
    assert code == 0 and found["differences"] == {"learning_rate": [1e-4, 1e-3]}
    assert [run["loss_last"] for run in found["runs"]] == [2.0, 0.5]
    assert found["runs"][1]["loss"] == [[1, 4.0], [2, 1.0], [4, 0.5]]
    assert found["runs"][0]["eval_loss_best"] == [3, 3.0]
    code, out, _err = tarot("compare", "slow", "fast")
    assert code == 0 and "learning_rate  0.0001" in out and "0.5000" in out
    slow, fast = (
        out[out.rindex(f"\n{letter} ") :].split("\n\n")[0].rstrip().split("\n")[-1] for letter in "AB"
    )
    # Only the fast one comes down to the lowest line.
    assert len(fast.strip("\u2847 \u2800")) > 0 and len(slow.strip("\u2847 \u2800")) == 0
    code, _out, err = tarot("compare", "slow", "slow")
    assert code == 2 and "two different runs" in err


def test_show_says_what_a_run_is(tarot, done):
    folder = done("shown", loss=1.0)
    spec.rewrite(folder, request={"learning_rate": 0.5, "lora_rank": 16, "dataset": ["cards"]})
    (folder / "checkpoint-3").mkdir()
    code, out, _err = tarot("show", "shown")
    assert code == 0 and "learning_rate: 0.5" in out and "dataset: cards" in out and "not complete" in out
    assert "lora_rank" not in out, "what is as in every recipe needs no line"
    found = json.loads(tarot("show", "--json")[1])
    assert found["request"]["lora_rank"] == 16 and found["state"] == "finished"
    assert [one["path"] for one in found["checkpoints"]] == [f"jobs/{folder.name}/checkpoint-3"]
