"""Half an hour of supervision in half a minute, over millions of lines: the supervisor's memory stays where it was."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tarot_tui.jobs import files, spec, status

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
#: Lines that the worker logs, and as many losses; looks that the supervisor takes at it, one a second in real life.
LINES = int(3_000_000 * SCALE)
LOOKS = int(1800 * SCALE)
MOST_MEMORY = 40_000_000
MOST_GROWTH = 2_000_000

#: The real supervisor, which looks as often as it can and thins its readings every ten seconds; it counts its looks.
HURRIED = """
import sys
from pathlib import Path
from tarot_tui.jobs import hardware, supervisor
supervisor.POLL, supervisor.OBSERVE, supervisor.HEARTBEAT, hardware.HOUR = 0.002, 0.0, 0.08, 10
sample, looks = hardware.sample, iter(range(1, 1 << 60))
def counted(*what):
    Path("looks").write_text(str(next(looks)))
    return sample(*what)
hardware.sample = counted
sys.exit(supervisor.main(sys.argv[1:]))
"""
WORKER = """
import json, sys
from tarot_tui.jobs import files, worker
lines = int(sys.argv[1])
with open(files.METRICS, "a") as metrics:
    step = 0
    while not worker.stop_requested():
        for _ in range(1000 if step < lines else 0):
            step += 1
            row = {"current_steps": step, "total_steps": lines, "loss": 1 / step, "lr": 1e-4, "epoch": step / lines,
                   "elapsed_time": "1:00:00", "remaining_time": "1:00:00", "throughput": 400.0, "total_tokens": step * 512}
            print(json.dumps(row), file=metrics, flush=step % 10 == 0)
            print("step", step, "of", lines, "loss", 1 / step)
        worker.progress(step, lines)
worker.result("stopped")
"""


def test_the_supervisor_of_a_long_run_stays_as_small_as_it_began(project):
    folder = spec.create(project, "train", "soak", ["{python}", "-c", WORKER, LINES], {}, total=LINES)
    subprocess.run([sys.executable, "-P", "-c", HURRIED, str(folder)], cwd=folder, check=True)
    supervisor = psutil.Process(status.read(folder).supervisor.pid)
    readings, looks, begun = [], 0, time.monotonic()
    while looks < LOOKS or (status.read(folder).step or 0) < LINES:
        assert status.read(folder).alive, status.read(folder)
        with suppress(OSError, ValueError):
            looks = int((folder / "looks").read_text())
        readings.append(supervisor.memory_info().rss)
        time.sleep(0.1)
    (folder / files.request_file("stop")).touch()
    while status.read(folder).alive:
        time.sleep(0.1)

    quarter = len(readings) // 4
    first, last = statistics.median(readings[quarter : 2 * quarter]), statistics.median(readings[-quarter:])
    rows = sum(1 for _line in open(folder / files.METRICS, "rb"))  # noqa: SIM115 - read to its end at once
    print(
        f"\n{looks:,} looks at {rows:,} losses and as many lines ({(folder / files.LOG).stat().st_size / 1e6:.0f} MB of log) "
        f"in {time.monotonic() - begun:.0f} s: {first / 1e6:.1f} MB in the second quarter, {last / 1e6:.1f} MB in the last, "
        f"{max(readings) / 1e6:.1f} MB at most"
    )
    assert json.loads((folder / files.STATUS).read_text())["step"] == LINES
    assert last - first < MOST_GROWTH
    assert max(readings) < MOST_MEMORY
