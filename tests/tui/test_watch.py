import asyncio
import os
import subprocess
import sys
import time

import pytest
from textual.screen import Screen

from tarot_tui.jobs import files
from tarot_tui.tui.run_reader import EVERY, SELDOM
from tarot_tui.tui.screens.watch import WatchScreen
from tarot_tui.tui.watch_app import WatchApp
from tarot_tui.tui.widgets.chart import RunChart
from tarot_tui.tui.widgets.hardware import HardwarePanel
from tarot_tui.tui.widgets.log import LogView
from tarot_tui.tui.widgets.run_head import RunHead
from tarot_tui.tui.widgets.run_view import RunView

pytestmark = pytest.mark.usefixtures("colours")

SIZES = [(80, 24), (160, 50)]


@pytest.fixture
def job(make_job):
    job = make_job()
    job.status("running", 120, pace={"first_step": 0, "first_time": 0.0, "step": 120, "time": 240.0})
    job.losses(*(3.0 - step / 100 for step in range(120)))
    job.log("loading the model", *(f"line {number}" for number in range(60)))
    job.hardware()
    return job


@pytest.fixture
def watch(project, job):
    return lambda: WatchApp(project, job.folder)


@pytest.mark.parametrize("size", SIZES)
async def test_everything_about_a_run_is_in_sight(watch, until, text_of, size):
    app = watch()
    async with app.run_test(size=size) as pilot:
        await until(pilot, "step 120 of 400")
        await until(pilot, "line 59")
        for word in ("The deck", "running", "30 %", "2.00 s/step", "812 tokens/s", "no GPU", "12.1/32 GB"):
            await until(pilot, word)
        for word in ("loss 1.8100", "lr 1.00e-04", "grad norm 1.250", "epoch 1.20", "s stop", "q back"):
            await until(pilot, word)
        screen = app.screen.region
        for part, least in ((RunHead, 4), (RunChart, 6), (HardwarePanel, 1), (LogView, 4)):
            region = app.screen.query_one(part).region
            assert screen.contains_region(region) and region.height >= least


@pytest.mark.parametrize("bell", [True, False])
async def test_it_rings_when_the_run_ends_before_our_eyes_if_that_is_wanted(
    watch, job, project, until, monkeypatch, bell
):
    rung: list[str] = []
    monkeypatch.setattr("tarot_tui.tui.watch_app.ring", lambda _app, text: rung.append(text))
    (project.root / "tarot.yaml").write_text(f"version: 1\nalerts: {{bell: {str(bell).lower()}}}\n")
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "step 120 of 400")
        assert rung == []
        job.status("failed", 120, reason="Out of memory.")
        await until(pilot, "Out of memory.")
        await until(pilot, lambda: rung or not bell)
        await pilot.pause()
    assert rung == ([f"{job.folder.name}: Out of memory."] if bell else [])


async def test_the_screen_follows_the_files(watch, job, until, text_of):
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "step 120 of 400")
        job.losses(float("nan"), 0.5, first=121)
        job.log("a new line")
        job.status("running", 122)
        await until(pilot, "step 122 of 400")
        for words in ("a new line", "loss 0.5000", "no number: 1"):
            await until(pilot, words)
        job.status("finished", 400, ended=job.now)
        await until(pilot, f"tarot-tui export {job.folder.name}")
        await until(pilot, "finished")


@pytest.mark.parametrize(
    "state, more, words",
    [
        ("queued", {}, "waiting"),
        ("stopped", {"reason": "Stopped as asked."}, "r goes on exactly where it stopped"),
        ("failed", {"reason": "The GPU ran out of memory."}, "The GPU ran out of memory."),
        ("running", {"supervisor": None, "worker": None}, "lost"),
    ],
)
async def test_each_state_has_its_words_and_says_what_can_be_done(watch, job, until, state, more, words):
    job.status(state, 120, **more)
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, words)


async def test_stopping_asks_first_and_then_writes_the_request(watch, job, until):
    app = watch()
    request = job.folder / files.request_file("stop")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "step 120")
        await pilot.press("s")
        await until(pilot, "Stop this run?")
        await pilot.press("n")
        await pilot.press("s")
        await until(pilot, "Stop this run?")
        await pilot.press("enter")  # the safe answer has the focus
        await pilot.pause()
        assert not request.exists() and isinstance(app.screen, WatchScreen)
        await pilot.press("s")
        await until(pilot, "Stop this run?")
        await pilot.press("y")
        await until(pilot, request.exists)


async def test_a_stopping_run_counts_down_and_is_not_asked_again(watch, job, until, text_of):
    job.status("stopping", 120)
    job.event(time=time.time() - 60, kind="request", verb="stop")
    app = watch()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "by force in 3 min")
        await pilot.press("s")
        await until(pilot, "stopping already")
        assert isinstance(app.screen, WatchScreen)


async def test_r_really_resumes_a_stopped_run(project, make_job, until):
    worker = "from tarot_tui.jobs import worker; worker.progress(4, 4); worker.result('finished')"
    job = make_job(argv=(sys.executable, "-c", worker))
    job.status("stopped", 2, 4, supervisor=None, worker=None)
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "stopped")
        await pilot.press("r")
        await until(pilot, "finished")
        await until(pilot, "attempt 2")


async def test_r_says_so_when_there_is_nothing_to_resume(watch, job, until):
    job.status("finished", 400)
    app = watch()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "finished")
        await pilot.press("r")
        await until(pilot, "nothing left to do")


async def test_the_log_can_have_the_whole_height_and_be_scrolled(watch, until, text_of):
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "line 59")
        before = app.screen.query_one(LogView).region.height
        await pilot.press("l")
        await until(pilot, "line 45")
        assert app.screen.query_one(LogView).region.height > before + 5
        await pilot.press("home")
        await until(pilot, "loading the model")
        assert "End follows" in text_of(app)
        await pilot.press("l", "end")
        await until(pilot, "following")


async def test_help_names_every_key(watch, until):
    app = watch()
    async with app.run_test(size=(80, 30)) as pilot:
        await until(pilot, "step 120")
        await pilot.press("question_mark")
        await until(pilot, "Stop the run after it has saved a checkpoint")
        await pilot.press("escape")
        await until(pilot, "step 120")


async def test_another_kind_of_job_shows_bytes_and_no_loss(project, make_job, until, text_of):
    job = make_job("export")
    job.status("running", 1_200_000_000, 3_400_000_000, unit="bytes", what="quantising")
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "1.2 GB of 3.4 GB")
        assert "Loss by step" not in text_of(app) and "quantising" in text_of(app)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (300, 100)])
async def test_any_size_is_survived(watch, until, size):
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.screen.query_one(LogView).region.height > 2)


async def test_a_view_can_be_pointed_at_another_run(watch, make_job, until, text_of):
    other = make_job(argv=("true",))
    other.status("failed", 7, 9)
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "step 120")
        app.screen.query_one(RunView).show(other.folder)
        await until(pilot, "step 7 of 9")
        await until(pilot, lambda: not any(old in text_of(app) for old in ("line 59", "loss")))


async def test_a_disk_that_hangs_is_said_and_does_not_hold_up_quitting(watch, job, until):
    (job.folder / "status.json").unlink()
    os.mkfifo(job.folder / "status.json")  # opening it blocks, as a dead network disk does
    app = watch()
    try:
        async with asyncio.timeout(120), app.run_test(size=(80, 24)) as pilot:
            await until(pilot, "No news for")
            await pilot.press("q")
    finally:
        os.close(os.open(job.folder / "status.json", os.O_RDWR))


WATCH = (
    "import sys; from pathlib import Path; from tarot_tui.project import find; "
    "from tarot_tui.tui.watch_app import run_watch; "
    "folder = Path(sys.argv[1]); sys.exit(run_watch(find(folder), folder))"
)


def test_a_finished_run_costs_no_byte_and_a_running_one_few(open_terminal, job):
    job.status("finished", 400, ended=job.now)
    terminal = open_terminal([sys.executable, "-c", WATCH, str(job.folder)], 120, 40)
    terminal.wait_for("finished")
    terminal.wait_for("line 59")
    terminal.read(1.0)
    assert len(terminal.raw) < 20_000
    assert terminal.read(2.5) == b""
    job.losses(0.5, first=121)
    job.status("running", 121, ended=None)
    terminal.wait_for("step 121")
    assert len(terminal.read(0.1)) < 4_000
    terminal.send("q")
    assert terminal.wait_end() == 0


def test_watching_loads_nothing_heavy():
    heavy = {"torch", "transformers", "pandas", "numpy", "pydantic", "httpx", "openpyxl", "jinja2", "pynvml"}
    code = f"import sys, tarot_tui.tui.watch_app; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_a_run_that_somebody_else_started_is_shown(project, tmp_path, until, text_of):
    folder = tmp_path / "saves" / "lora"
    folder.mkdir(parents=True)
    rows = [
        f'{{"current_steps": {step}, "total_steps": 40, "loss": {4 - step / 10}, "lr": 1e-4, "elapsed_time": "0:00:{step:02}"}}\n'
        for step in range(1, 11)
    ]
    (folder / "trainer_log.jsonl").write_text("".join(rows))
    (folder / "running_log.txt").write_text("[INFO|2026-11-24 10:00:00] ***** Running training *****\n")
    app = WatchApp(project, folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "step 10 of 40")
        for word in ("a run of LLaMA-Factory", "running", "Running training", "loss 3.0000"):
            await until(pilot, word)
        assert app.screen.query_one(RunChart).curves.of("loss").last == 3.0


async def test_a_view_that_nobody_sees_looks_seldom_and_at_once_when_somebody_does_again(watch, job, until):
    app = watch()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "step 120")
        watcher = app.screen.query_one(RunView)._watcher
        assert watcher.every == EVERY
        app.app_focus = False
        await until(pilot, lambda: watcher.every == SELDOM)
        job.status("running", 121)
        app.app_focus = True
        await until(pilot, "step 121")
        await until(pilot, lambda: watcher.every == EVERY)
        await pilot.press("question_mark")  # the help lies over it, and it can still be seen
        await pilot.pause()
        assert watcher.every == EVERY
        await pilot.press("escape")
        app.push_screen(Screen())
        await until(pilot, lambda: watcher.every == SELDOM)
