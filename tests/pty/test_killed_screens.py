"""The screens are killed while they show a run: it never notices, and other screens show it."""

from __future__ import annotations

import os
import signal

from tarot_tui.jobs import launch, status


def test_the_screens_are_killed_and_the_run_they_showed_goes_on(project, counting, terminal, goes_on):
    launch.start(counting)
    screens = terminal("watch", "deck", cwd=project.root)
    screens.wait_for("running")
    before = status.read(counting)
    os.kill(screens.process.pid, signal.SIGKILL)
    screens.process.wait()
    goes_on(counting, before)
    again = terminal("watch", "deck", cwd=project.root)
    again.wait_for("running")
    again.type("q")
    assert again.process.wait(60) == 0


def test_a_run_that_was_started_by_a_killed_program_goes_on(project, counting, terminal, goes_on):
    starter = terminal("resume", "deck", "--follow", cwd=project.root)
    starter.wait_for("step 5")
    before = status.read(counting)
    os.kill(starter.process.pid, signal.SIGKILL)
    starter.process.wait()
    goes_on(counting, before)
    other = terminal("stop", "deck", "--wait", cwd=project.root)
    other.wait_for("deck is stopped")
