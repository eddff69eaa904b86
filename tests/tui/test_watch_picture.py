import math

from tarot_tui.tui.watch_app import WatchApp

GPU = {"name": "NVIDIA H100 80GB HBM3", "util": 97, "mem_used": 60e9, "mem_total": 85.9e9, "temp": 61}


def test_the_look_of_a_finished_run(project, make_job, until, colours, snap_compare):
    job = make_job()
    job.folder = job.folder.rename(project.jobs / "20261124-021500-deck")
    job.status("finished", 160, 160, ended=job.now)
    noise = (0.15 * math.sin(7.3 * step) * math.sin(1.7 * step) for step in range(160))
    losses = [0.5 + 2.4 * math.exp(-step / 40) + wobble for step, wobble in enumerate(noise)]
    losses[90] = math.nan
    job.losses(*losses)
    job.hardware({"index": 0, "power": 412.0} | GPU, {"index": 1, "power": 398.5} | GPU | {"temp": 86})
    job.log("Loading the model", *(f"{{'loss': {loss:.4f}}}" for loss in losses), "Saved the adapter. 聖杯三")

    async def shown(pilot):
        await until(pilot, "Saved the adapter")

    assert snap_compare(WatchApp(project, job.folder), terminal_size=(120, 40), run_before=shown)
