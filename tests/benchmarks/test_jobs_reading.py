"""What it costs to look at a run of weeks: a million lines of log and of losses, and a week of eight GPUs' readings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tarot_tui.jobs import spec
from tarot_tui.project import create

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
LINES = int(1_000_000 * SCALE)
MOST_MEMORY = 60_000_000

#: One look as the screen takes it, one as ``watch --once`` does; then what reading every line would cost.
LOOK = """
import json, sys, time
from pathlib import Path
from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.tui.run_reader import RunReader

folder = Path(sys.argv[1])
begun = time.perf_counter()
look = RunReader(folder).look()
looked = time.perf_counter() - begun
loss = look.curves.of("loss")
begun = time.perf_counter()
shot = snapshot(folder)
shot_seconds = time.perf_counter() - begun
# Not getrusage: its maximum begins with that of the process that started us.
memory = 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
begun = time.perf_counter()
every = sum(1 for line in open(folder / "trainer_log.jsonl", "rb") if json.loads(line))
whole = time.perf_counter() - begun
print(json.dumps({
    "look": looked, "snapshot": shot_seconds, "whole": whole, "memory": memory, "losses": len(loss.points),
    "last": loss.points[-1][0], "first": loss.points[0][0], "step": shot.metrics["current_steps"],
    "gpus": len(look.hardware[-1]["gpus"]),
}))
"""

#: Looks for as long as somebody writes, keeps the curve as the chart does, and says what memory it takes by then.
READ_ON = """
import json, sys, time
from pathlib import Path
import psutil
from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.tui.run_reader import RunReader

folder, me = Path(sys.argv[1]), psutil.Process()
reader, at_once = RunReader(folder), 0
while True:
    over = (folder / "over").exists()
    look = reader.look()
    step = look.curves.last_step
    snapshot(folder)
    print(json.dumps({"memory": me.memory_info().rss, "points": len(look.curves.of("loss").points), "step": step}), flush=True)
    if over and step == at_once:
        break
    at_once = step
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of a run of a million steps."""
    project = create(tmp_path_factory.mktemp("bench") / "project")
    folder = spec.create(project, "train", "long", ["true"], {})
    status = {"state": "failed", "step": LINES, "total": LINES, "attempt": 1, "started": 1.0, "ended": 9.0}
    (folder / "status.json").write_text(json.dumps(status))
    with open(folder / "log.txt", "w") as file:
        file.writelines(log_line(number) for number in range(1, LINES + 1))
    with open(folder / "trainer_log.jsonl", "w") as file:
        file.writelines(loss_line(number) for number in range(1, LINES + 1))
    with open(folder / "hardware.jsonl", "w") as file:
        # The last hour whole, one a minute before, as the supervisor thins it.
        file.writelines(
            reading(second) for second in (*range(0, 7 * 86400, 60), *range(7 * 86400, 7 * 86400 + 3600))
        )
    return folder


def log_line(number: int) -> str:
    return f"step {number}/{LINES}  loss 0.{number % 9973:04d}  epoch 0.42  5000 tokens/s\n"


def loss_line(number: int) -> str:
    return (
        f'{{"current_steps": {number}, "total_steps": {LINES}, "loss": 0.{number % 9973:04d}, "lr": 0.0001, "grad_norm": 1.25,'
        f' "epoch": 0.42, "percentage": 12.5, "elapsed_time": "1:02:03", "remaining_time": "4:05:06", "throughput": 5000.1,'
        f' "total_tokens": {number * 4096}, "elapsed_seconds": {number}.5, "time": {1_800_000_000 + number}.5}}\n'
    )


def reading(second: int) -> str:
    gpu = {"name": "NVIDIA H100 80GB HBM3", "util": 98, "mem_used": 70_000_000_000, "mem_total": 80_000_000_000,
           "temp": 61, "power": 650.2, "processes": 1}  # fmt: skip
    gpus = [{"index": index, **gpu} for index in range(8)]
    return (
        json.dumps({"time": 1_800_000_000 + second, "cpu": 12.5, "ram_used": 1, "ram_total": 2, "gpus": gpus})
        + "\n"
    )


def test_a_run_of_a_million_lines_is_looked_at_at_once_and_in_little_memory(folder):
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder)], capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout)
    print(
        f"\n{LINES:,} lines: the screen's look {1000 * found['look']:.0f} ms, a snapshot {1000 * found['snapshot']:.0f} ms, "
        f"{found['memory'] / 1e6:.0f} MB; every line would take {found['whole']:.1f} s"
    )
    assert found["memory"] < MOST_MEMORY
    assert found["step"] == found["last"] == LINES and found["first"] == 1 and found["gpus"] == 8
    assert 1000 < found["losses"] < 10_000
    if SCALE >= 1:
        assert found["look"] + found["snapshot"] < found["whole"] / 6


def test_a_reader_that_stays_for_millions_of_lines_does_not_grow(folder, tmp_path):
    run = spec.create(create(tmp_path / "project"), "train", "soak", ["true"], {})
    (run / "status.json").write_text(json.dumps({"state": "queued"}))
    with subprocess.Popen(
        [sys.executable, "-c", READ_ON, str(run)], stdout=subprocess.PIPE, text=True
    ) as reader:
        writer = threading.Thread(target=write_on, args=(run,))
        writer.start()
        looks = [json.loads(line) for line in reader.stdout]
        writer.join()
    assert reader.returncode == 0
    warm = next(look["memory"] for look in looks if look["step"] > 0.1 * 3 * LINES)
    last = looks[-1]
    print(
        f"\n{last['step']:,.0f} of {3 * LINES:,} readings seen in {len(looks)} looks, {last['points']:,} points kept: "
        f"{warm / 1e6:.1f} MB after a tenth, {last['memory'] / 1e6:.1f} MB at the end"
    )
    assert last["step"] == 3 * LINES
    assert last["memory"] < MOST_MEMORY and last["memory"] - warm < 6_000_000


def write_on(run: Path) -> None:
    """Three times as many lines as above in bursts; the log is truncated once and replaced once on the way."""
    burst = max(LINES // 500, 1)
    for first in range(1, 3 * LINES + 1, burst):
        numbers = range(first, min(first + burst, 3 * LINES + 1))
        if first // burst % 700 == 600:
            with open(run / "log.txt", "w"):
                pass
        if first // burst % 700 == 300:
            (run / "log.txt").rename(run / "log.txt.1")
        for name, line in (("log.txt", log_line), ("trainer_log.jsonl", loss_line)):
            with open(run / name, "a") as file:
                file.writelines(map(line, numbers))
        with open(run / "hardware.jsonl", "a") as file:
            file.write(reading(first))
        time.sleep(0.002)
    (run / "over").touch()
