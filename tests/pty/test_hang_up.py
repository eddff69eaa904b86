"""A terminal that goes away takes no job with it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tarot_tui.jobs import files, spec, status
from tarot_tui.jobs.identity import is_alive

WORKER = """
import time
from tarot_tui.jobs import worker
for step in range(1, 10_000):
    if worker.stop_requested():
        worker.result("stopped")
        break
    worker.progress(step, None)
    print("step", step)
    time.sleep(0.05)
"""


def test_a_followed_job_goes_on_when_the_line_drops_and_is_seen_from_another(project, terminal):
    folder = spec.create(project, "train", "deck", ["{python}", "-c", WORKER], {})
    try:
        first = terminal("resume", "deck", "--follow", cwd=project.root)
        first.wait_for("step 5")
        before = status.read(folder)
        first.hang_up()
        first.process.wait(20)

        second = terminal("watch", "deck", "--once", cwd=project.root)
        second.wait_for("running")
        deadline = time.monotonic() + 20
        while not (status.read(folder).step or 0) > (before.step or 0) and time.monotonic() < deadline:
            time.sleep(0.1)
        after = status.read(folder)
        assert after.step > (before.step or 0)
        assert is_alive(before.worker) and is_alive(before.supervisor)

        third = terminal("stop", "deck", "--wait", cwd=project.root)
        third.wait_for("deck is stopped")
        assert files.read_json(folder / files.RESULT)["outcome"] == "stopped"
    finally:
        for who in (status.read(folder).supervisor, status.read(folder).worker):
            if is_alive(who):
                with suppress(ProcessLookupError):
                    os.kill(who.pid, signal.SIGKILL)
