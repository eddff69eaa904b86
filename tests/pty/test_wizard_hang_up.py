"""A run that was started in the wizard outlives its terminal, and is seen to its end from another login."""

from __future__ import annotations

import time

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import status
from tarot_tui.jobs.control import request
from tarot_tui.jobs.find import all_jobs
from tarot_tui.jobs.identity import is_alive

STEPS = 900


@pytest.fixture
def prepared(project, tiny_llama):
    """A project whose next step is to train: a dataset, and a recipe of some twenty seconds that was settled."""
    notes = project.sources / "notes.txt"
    notes.write_text(
        "\n".join(f"The card number {n} speaks of patience and of {n} small things." for n in range(16))
    )
    assert main(["--project", str(project.root), "-q", "data", "build", str(notes), "-o", "notes"]) == 0
    recipe = {
        "model_name_or_path": tiny_llama,
        "dataset": "notes",
        "max_steps": STEPS,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "logging_steps": 5,
        "save_steps": 300,
    }
    (project.recipes / "tiny.yaml").write_text("".join(f"{key}: {value}\n" for key, value in recipe.items()))
    project.remember("recipe", "tiny")
    project.remember("step", "train")
    return project


def running(project, seconds=240):
    """The folder of the run once it has made some steps."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for folder in all_jobs(project, "train"):
            if (status.read(folder).step or 0) >= 3:
                return folder
        time.sleep(0.2)
    pytest.fail("the run did not get going: " + str([status.read(f) for f in all_jobs(project)]))


@pytest.mark.slow
def test_the_terminal_is_hung_up_and_the_run_is_seen_to_finish_from_another(prepared, terminal):
    wizard = terminal(cwd=prepared.root)
    wizard.wait_for("Start training")
    wizard.press("\r")
    folder = running(prepared)
    try:
        wizard.wait_for("Stop (s)")
        wizard.hang_up()
        wizard.process.wait(60)
        found = status.read(folder)
        assert found.state == "running" and found.supervised and is_alive(found.worker)

        watch = terminal("watch", cwd=prepared.root)
        watch.wait_for(f"of {STEPS}")
        watch.wait_for("finished", 480)
        watch.wait_for("100 %")
        assert status.read(folder).state == "finished"
        watch.type("q")
        assert watch.process.wait(60) == 0
    finally:
        if status.read(folder).alive:
            request(folder, "kill")
