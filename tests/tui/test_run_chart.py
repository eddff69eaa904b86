"""The chart of a run under its keys: another curve, zoom, pan, cursor, log scale, several runs."""

import json

import pytest
from textual.events import MouseScrollUp

from tarot_tui.jobs import files
from tarot_tui.tui.watch_app import WatchApp
from tarot_tui.tui.widgets.chart import RunChart
from tarot_tui.tui.widgets.hardware import HardwarePanel

pytestmark = pytest.mark.usefixtures("colours")


@pytest.fixture
def job(make_job):
    job = make_job()
    job.status("running", 120, pace={"first_step": 0, "first_time": 0.0, "step": 120, "time": 240.0})
    job.losses(*(3.0 - step / 100 for step in range(120)))
    job._append(files.METRICS, '{"current_steps": 120, "eval_loss": 1.95}')
    job.event(time=job.now, kind="checkpoint", step=60)
    job.log("line 1")
    job.hardware({"index": 0, "util": 97, "mem_used": 60e9, "mem_total": 80e9, "temp": 61})
    return job


async def test_keys_turn_the_chart_and_its_caption_says_to_what(project, job, until, text_of):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "Loss by step")
        await until(pilot, "o saved")
        for title in ("Eval loss by step", "Learning rate by step", "Gradient norm by step", "Loss by step"):
            await pilot.press("o")
            assert title in text_of(app)
        await pilot.press("i")
        assert "Loss by step (log)" in text_of(app)
        await pilot.press("i", "plus")
        assert "zoomed, following" in text_of(app)
        await pilot.press("comma")
        chart = app.screen.query_one(RunChart)
        assert not chart.window.follows and "zoomed" in text_of(app)
        await pilot.press("full_stop", "full_stop")
        assert chart.window.follows
        await pilot.press("0")
        assert "zoomed" not in text_of(app)


async def test_the_cursor_reads_every_metric_out_and_takes_the_window_along(project, job, until, text_of):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "Loss by step")
        await pilot.press("left")
        assert "step 120  loss 1.8100  eval loss 1.9500" in text_of(app)
        await pilot.press("left")
        chart = app.screen.query_one(RunChart)
        assert chart.cursor < 120
        await pilot.press("plus", "plus", "plus")
        left, right = chart.window.limits(chart.last_step, chart.end)
        assert left <= chart.cursor <= right < left + 20
        for _press in range(12):
            await pilot.press("left")
        left, right = chart.window.limits(chart.last_step, chart.end)
        assert left <= chart.cursor <= right and chart.cursor < 110
        for _press in range(18):
            await pilot.press("right")
        assert chart.cursor == 120


async def test_the_mouse_reads_out_and_zooms(project, job, until, text_of):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "Loss by step")
        await pilot.click(RunChart, offset=(30, 4))
        await until(pilot, "step ")
        chart = app.screen.query_one(RunChart)
        at = chart.cursor
        left, right = chart.limits
        chart.post_message(MouseScrollUp(chart, 30, 4, 0, 0, 0, False, False, False))
        await until(pilot, "epoch")
        await until(pilot, lambda: chart.limits[1] - chart.limits[0] == (right - left) / 2)
        assert chart.cursor == at


async def test_another_run_is_laid_over_this_one_and_can_stand_out(project, make_job, job, until, text_of):
    other = make_job()
    other.folder = other.folder.rename(project.jobs / "20261001-000000-other")
    other.status("finished", 50, 50)
    other.losses(*(2.0 - step / 100 for step in range(50)))
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "Loss by step")
        await pilot.press("d")
        await until(pilot, "20261001-000000-other")
        await pilot.press("enter")
        await until(pilot, "*deck")
        assert " other" in text_of(app)
        await pilot.press("D")
        await until(pilot, "*other")
        await pilot.press("left")
        assert "1.5100" in text_of(app)
        await pilot.press("0", "d")
        await until(pilot, "20261001-000000-other")
        await pilot.press("enter")
        await until(pilot, lambda: not app.screen.query_one(RunChart).others)
        await until(pilot, "o saved")
        assert "*" not in text_of(app)


async def test_small_charts_of_the_other_curves_stand_beside_where_there_is_room(
    project, job, until, text_of
):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(170, 50)) as pilot:
        for curve in ("gradient norm", "learning rate", "eval loss"):
            await until(pilot, curve)
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "gradient norm" not in text_of(app))


async def test_the_machine_gets_the_screen_and_gives_it_back(project, job, until, text_of):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "97 %")
        await pilot.press("m")
        await until(pilot, "GPU 0")
        await until(pilot, lambda: "line 1" not in text_of(app))
        assert app.screen.query_one(HardwarePanel).region.height > 20
        await pilot.press("m")
        await until(pilot, "line 1")


async def test_a_folder_that_is_removed_under_our_eyes_is_said_and_every_key_lives(
    project, job, until, text_of
):
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, "step 120")
        job.folder.rename(job.folder.with_name(".gone"))
        await until(pilot, "Its folder is gone")
        await pilot.press("o", "left", "plus", "i", "m", "m", "0", "l", "l")
        await pilot.press("s")
        await until(pilot, "Eval loss by step")
        await until(pilot, "lost")


async def test_a_run_on_several_machines_has_a_line_for_each(project, job, until, text_of):
    job.hardware(*({"index": index, "util": 90, "mem_used": 60e9, "mem_total": 80e9} for index in range(8)))
    share = job.folder / "nodes" / "1"
    share.mkdir(parents=True)
    sample = json.loads((job.folder / files.HARDWARE).read_text().splitlines()[-1])
    sample["gpus"][2] = {"index": 2, "lost": True}
    (share / files.HARDWARE).write_text(json.dumps(sample) + "\n")
    app = WatchApp(project, job.folder)
    async with app.run_test(size=(80, 30)) as pilot:
        for words in ("machine 1", "machine 0", "lost: 2"):
            await until(pilot, words)
        await pilot.press("m")
        await until(pilot, "machine 1")
