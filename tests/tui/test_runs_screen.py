"""The list of runs: which, in which order, and what is done with them from there."""

import asyncio
import sys

import pytest
from fakes import nvml

from tarot_tui.jobs import files
from tarot_tui.jobs.spec import rewrite
from tarot_tui.tui.runs_reader import RunsReader
from tarot_tui.tui.screens.runs import RunsScreen
from tarot_tui.tui.screens.watch import WatchScreen
from tarot_tui.tui.watch_app import WatchApp
from tarot_tui.tui.widgets.chart import RunChart
from tarot_tui.tui.widgets.run_table import RunTable

pytestmark = pytest.mark.usefixtures("colours")


@pytest.fixture
def runs(project, make_job):
    """Runs by name: ``alive``, ``done``, ``broken``, the oldest last."""
    made = {}
    for day, (name, state, step) in enumerate(
        (("broken", "failed", 7), ("done", "finished", 40), ("alive", "running", 9))
    ):
        job = made[name] = make_job()
        job.folder = job.folder.rename(project.jobs / f"2026110{day}-000000-{name}")
        reason = "The GPU ran out of memory." if state == "failed" else ""
        job.status(state, step, 40, reason=reason)
        job.losses(*(2.0 - at / 100 - day / 10 for at in range(step)))
    return made


def shown(app):
    table = app.screen.query_one(RunTable)
    lines = ["".join(text for _role, text in line) for line in table.compose_lines(*table.size)]
    return [line.split()[0].removeprefix("*") for line in lines[1:] if line.strip()]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (160, 50)])
async def test_every_run_has_its_line_and_the_cursor_begins_at_one_that_runs(project, runs, until, size):
    app = WatchApp(project, None)
    async with app.run_test(size=size) as pilot:
        await until(pilot, "broken")
        assert shown(app) == ["alive", "done", "broken"]
        await pilot.press("G")
        await until(pilot, "The GPU ran out of memory.")
        await pilot.press("k", "k", "enter")
        await until(pilot, "step 9 of 40")
        await pilot.press("q")
        await until(pilot, "broken")
        assert isinstance(app.screen, RunsScreen)


async def test_runs_are_filtered_by_state_and_words_and_sorted(project, runs, until, text_of):
    app = WatchApp(project, None)
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, "3/3")
        kinds = []
        for _press in range(4):
            await pilot.press("f")
            kinds.append(shown(app))
        assert kinds == [["alive"], ["done"], ["broken"], ["alive", "done", "broken"]]
        await pilot.press("o")
        assert shown(app) == ["alive", "broken", "done"] and "by name" in text_of(app)
        await pilot.press("slash", *"memory")
        await until(pilot, "1/3")
        await pilot.press("enter")
        assert shown(app) == ["broken"]
        await pilot.press("slash", *"xyz", "enter")
        await until(pilot, "No run is like that.")


async def test_marked_runs_are_compared(project, runs, until):
    app = WatchApp(project, None)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "3/3")
        await pilot.press("d")
        await until(pilot, "Mark two trainings")
        await pilot.press("space", "space", "d")
        await until(pilot, "*alive")
        assert isinstance(app.screen, WatchScreen)
        await until(pilot, lambda: app.screen.query_one(RunChart).others)


async def test_stopping_and_deleting_ask_first(project, runs, until):
    (project.models / ".reader.making").mkdir(parents=True)
    rewrite(runs["broken"].folder, kind="export", request={"name": "reader"})
    app = WatchApp(project, None)
    request = runs["alive"].folder / files.request_file("stop")
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        await until(pilot, "3/3")
        await pilot.press("X")
        await until(pilot, "Delete 20261102-000000-alive?")
        await pilot.press("y")
        await until(pilot, lambda: any("stop it first" in one.message for one in app._notifications))
        await pilot.press("s")
        await until(pilot, "Stop 20261102-000000-alive?")
        await pilot.press("n")
        await pilot.pause()
        assert not request.exists()
        await pilot.press("s")
        await until(pilot, "Stop 20261102-000000-alive?")
        await pilot.press("y")
        await until(pilot, request.exists)
        await pilot.press("G", "X")
        await until(pilot, "Delete 20261100-000000-broken?")
        await pilot.press("y")
        await until(pilot, "2/2")
        assert not runs["broken"].folder.exists() and runs["done"].folder.exists()
        assert not (project.models / ".reader.making").exists()  # what it had made so far goes with it


async def test_what_cannot_be_resumed_is_said(project, runs, until):
    app = WatchApp(project, None)
    async with app.run_test(size=(100, 24), notifications=True) as pilot:
        await until(pilot, "3/3")
        await pilot.press("down", "r")
        await until(pilot, "nothing left to do")


async def test_a_project_without_runs_says_how_to_begin(project, until):
    app = WatchApp(project, None)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "No runs yet: 'tarot-tui train' starts one.")
        await pilot.press("enter", "space", "d", "s", "r", "X", "down", "f", "o")
        await until(pilot, "No runs yet")


def test_a_run_that_is_over_is_read_once(project, runs, monkeypatch):
    read = []
    real = sys.modules["tarot_tui.tui.runs_reader"].snapshot
    monkeypatch.setattr(
        "tarot_tui.tui.runs_reader.snapshot", lambda folder: read.append(folder.name) or real(folder)
    )
    reader = RunsReader.__new__(RunsReader)
    reader._project, reader._known = project, {}
    reader.look()
    reader.look()
    assert sorted(name.partition("-")[2].partition("-")[2] for name in read) == [
        "alive",
        "alive",
        "broken",
        "done",
    ]


async def test_the_machine_is_shown_with_its_gpus_and_a_hanging_driver_holds_nothing_up(
    project, runs, until, tmp_path, monkeypatch
):
    settings = tmp_path / "settings"
    settings.touch()
    folder = nvml.build(tmp_path / "nvml")
    for name, value in nvml.environment(folder, NVML_GPUS=2, NVML_FILE=settings, NVML_STILL=1).items():
        monkeypatch.setenv(name, value)
    app = WatchApp(project, None)
    async with asyncio.timeout(240), app.run_test(size=(100, 24)) as pilot:
        await until(pilot, "3/3")
        await pilot.press("m")
        await until(pilot, "GPU 1")
        # Whoever waits for the driver from now on waits for an hour.
        settings.write_text("NVML_HANG=3600\n")
        await until(pilot, "has not answered for")
        await pilot.press("q")
        await until(pilot, "3/3")
