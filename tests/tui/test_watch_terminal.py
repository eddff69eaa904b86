"""A run watched in a real terminal while everything goes wrong: the driver hangs, the window shrinks to nothing."""

import json
import sys

import pytest
from fakes import nvml

WATCH = [sys.executable, "-m", "tarot_tui", "watch"]


@pytest.fixture
def foreign(tmp_path):
    """The folder of a run that somebody else started, for which this machine is sampled."""
    folder = tmp_path / "saves"
    folder.mkdir()
    rows = [{"current_steps": step, "total_steps": 40, "loss": 4 - step / 10} for step in range(1, 11)]
    (folder / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_driver_that_hangs_leaves_every_key_alive_and_holds_up_no_quitting(
    open_terminal, foreign, tmp_path
):
    settings = tmp_path / "settings"
    settings.touch()
    environment = nvml.environment(
        nvml.build(tmp_path / "nvml"), NVML_GPUS=8, NVML_FILE=settings, NVML_STILL=1
    )
    mine = {key: environment[key] for key in environment if key.startswith(("NVML_", "LD_LIBRARY"))}
    terminal = open_terminal([*WATCH, str(foreign)], 120, 40, **mine)
    terminal.wait_for("88 %")
    settings.write_text("NVML_HANG=120\n")
    terminal.wait_for("has not answered for")
    terminal.send("m")
    terminal.wait_for("GPU 7")
    terminal.send("mo")
    terminal.wait_for("stale")
    terminal.send("q")
    assert terminal.wait_end() == 0


def test_a_window_of_one_cell_and_back_is_survived_at_work(open_terminal, foreign):
    terminal = open_terminal([*WATCH, str(foreign)], 100, 30)
    terminal.wait_for("step 10 of 40")
    for size in ((1, 1), (3, 2), (200, 60), (1, 40), (100, 30)):
        terminal.resize(*size)
        terminal.read(0.2)
        terminal.send("\x1b[D+m0m")
    terminal.wait_for("step 10 of 40")
    terminal.send("q")
    assert terminal.wait_end() == 0


def test_without_a_name_of_several_runs_one_is_chosen_from_the_list(open_terminal, project, make_job):
    for number, state in enumerate(("failed", "running")):
        job = make_job()
        job.status(state, 120 + number)
        job.losses(2.0, 1.5)
    terminal = open_terminal([*WATCH, "--project", str(project.root)], 100, 30)
    terminal.wait_for("newest first")
    terminal.wait_for("running")
    terminal.send("\r")
    terminal.wait_for("step 121 of 400")
    terminal.send("q")
    terminal.wait_for("newest first")
    terminal.send("q")
    assert terminal.wait_end() == 0
