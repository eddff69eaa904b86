"""Half a day before one run, in minutes: everything moves at every look, and the memory stays where it was."""

from __future__ import annotations

import os
import statistics
import sys
import time
from contextlib import suppress

import psutil
import pytest
from fakes.timed_terminal import TimedTerminal

from tarot_tui.jobs import spec

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
#: Looks, one a second in real life; the first of them fill what is kept (lines of the log, points of the curves).
LOOKS, FILLING = int(50_000 * SCALE), int(10_000 * SCALE)
MB = 1_000_000

#: The real screen, which looks as often as it can show what it has seen; whatever it looks at has moved before.
HURRIED = """
import itertools, json, math, os, random, sys, time
from pathlib import Path
from tarot_tui.jobs import files, hardware, identity
from tarot_tui.project import Project
from tarot_tui.tui import run_reader

run_reader.EVERY = 0.0
sys.setswitchinterval(0.0002)  # the threads hand over to one another all the time
root, folder = map(Path, sys.argv[1:3])
me, began, dice = identity.of(os.getpid()).as_dict(), time.time(), random.Random(1)
look, steps, log = run_reader.RunReader.look, itertools.count(1), hardware.HardwareLog(folder / files.HARDWARE)

def append(name, text):
    with open(folder / name, "a") as file:
        file.write(text + "\\n")

def move():
    step = next(steps)
    now, loss = began + step, 0.5 + 2 * math.exp(-step / 9000) + 0.2 * dice.random()
    row = {"current_steps": step, "total_steps": 10**6, "loss": loss, "lr": 1e-4 / step, "epoch": step / 1000, "time": now}
    append(files.METRICS, json.dumps(row | {"grad_norm": 1 + dice.random()} | ({"eval_loss": loss} if step % 50 == 0 else {})))
    append(files.LOG, f"{step}: {loss:.4f}" + ("\\n  25%|###\\r  50%|#####" if step % 100 == 0 else ""))
    if step % 3000 == 0:
        append(files.LOG, "Traceback (most recent call last):\\n  File 'x.py', line 1\\nValueError: not this time")
    if step % 500 == 0:
        append(files.EVENTS, json.dumps({"kind": "checkpoint", "time": now, "step": step}))
        (folder / "looks").write_text(str(step))
    gpus = [
        {"index": index, "name": "NVIDIA H100", "util": dice.randrange(101), "mem_used": dice.randrange(86 * 10**9),
         "mem_total": 86 * 10**9, "temp": dice.randrange(30, 95), "power": dice.randrange(700), "power_limit": 700,
         "processes": [{"pid": dice.randrange(10**6), "user": "ada", "mem": 1 << 30}]}
        for index in range(8)
    ]
    log.append({"time": now, "cpu": dice.randrange(101), "ram_used": dice.randrange(32 * 10**9), "ram_total": 32 * 10**9,
                "disk_free": dice.randrange(10**12), "gpus": gpus})
    if step % 3600 == 0:
        log.thin(now)
    files.write_json(folder / files.STATUS, {
        "state": "running", "step": step, "total": 10**6, "attempt": 1, "started": began, "heartbeat": time.time(),
        "supervisor": me, "worker": me,
        "pace": {"first_step": 0, "first_time": began, "step": step, "time": now},
    })

def moved(reader):
    move()
    return look(reader)

run_reader.RunReader.look = moved
from tarot_tui.tui.watch_app import run_watch
run_watch(Project(root), folder)
"""


def test_a_screen_that_is_left_open_stays_as_small_as_it_began(project):
    folder = spec.create(project, "train", "deck", ["true"], {}, title="The deck")
    argv = [sys.executable, "-c", HURRIED, str(project.root), str(folder)]
    # As many pictures as it can draw, where it would draw sixty a second.
    with TimedTerminal(argv, project.root, TAROT_TUI_LANG="en", TEXTUAL_FPS="1000") as terminal:
        terminal.wait_for("of 1,000,000")
        process, begun, readings, looks = psutil.Process(terminal.process.pid), time.monotonic(), [], 0
        while looks < LOOKS:
            assert terminal.process.poll() is None, terminal.text()
            with suppress(OSError, ValueError):
                looks = int((folder / "looks").read_text())
            if looks >= FILLING:
                readings.append(process.memory_info().rss)
            time.sleep(0.2)
        took = time.monotonic() - begun
    tenth = max(1, len(readings) // 10)
    course = [statistics.median(readings[at : at + tenth]) / MB for at in range(0, len(readings), tenth)]
    print(
        f"\n{looks:,} looks in {took:.0f} s ({1000 * took / looks:.1f} ms each), {terminal.sent / MB:.1f} MB sent. "
        f"Memory after {FILLING:,} looks, in MB: " + " ".join(f"{size:.1f}" for size in course)
    )
    assert max(course) - course[0] <= 4
