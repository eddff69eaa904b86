"""Opening a run of a million steps: at once by some of its lines, whole soon after, and in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
STEPS = int(1_000_000 * SCALE)

#: Reads the bytes alone, then opens the run as the screen does: files, curves, picture; then reads every line.
OPEN = """
import json, sys, time
from pathlib import Path

def memory(name):
    # Not getrusage: its maximum begins with that of the process that started us.
    return 1024 * int(Path("/proc/self/status").read_text().partition(name)[2].split()[0])

folder = Path(sys.argv[1])
begun = time.perf_counter()
size = sum(len(block) for block in iter(lambda file=open(folder / "trainer_log.jsonl", "rb"): file.read(1 << 20), b""))
raw = time.perf_counter() - begun

from tarot_tui.tui.curves_reader import CurvesReader
from tarot_tui.tui.widgets.chart import RunChart

begun = time.process_time()
reader = CurvesReader(folder)
chart = RunChart()
chart.name_of_run = chart.bright = folder.name
chart.end = 2 * int(sys.argv[2])
chart.curves = reader.read()
chart.compose_lines(120, 30)
opened, first = time.process_time() - begun, memory("VmRSS:")
begun = time.process_time()
longest = 0.0
while reader.filling:
    slice_begun = time.process_time()
    reader.fill_in(0.02)
    longest = max(longest, time.process_time() - slice_begun)
whole = time.process_time() - begun
chart.curves = reader.read()
chart.compose_lines(120, 30)
# A step more: the picture is made of what was drawn before.
begun = time.process_time()
for step in range(100):
    with open(folder / "trainer_log.jsonl", "a") as file:
        file.write(json.dumps({"current_steps": int(sys.argv[2]) + step, "loss": 0.5}) + "\\n")
    chart.curves = reader.read()
    chart.compose_lines(120, 30)
more = (time.process_time() - begun) / 100
print(json.dumps({
    "size": size, "raw": raw, "opened": opened, "whole": whole, "longest": longest, "more": more, "first": first,
    "peak": memory("VmHWM:"), "spikes": sorted(y for _x, y in chart.curves.of("loss").points)[-3:],
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run whose loss has three spikes, of one step each."""
    folder = tmp_path_factory.mktemp("run")
    spikes = {STEPS // 7: 50.0, STEPS // 3: 60.0, STEPS // 2: 70.0}
    with open(folder / "trainer_log.jsonl", "w") as file:
        file.writelines(
            _line(step, spikes.get(step, 0.5 + step % 9973 / 9973)) for step in range(1, STEPS + 1)
        )
    return folder


def _line(step: int, loss: float) -> str:
    return (
        f'{{"current_steps": {step}, "total_steps": {STEPS}, "loss": {loss}, "lr": 0.0001, "grad_norm": 1.25,'
        f' "epoch": 0.42, "percentage": 12.5, "elapsed_time": "1:02:03", "remaining_time": "4:05:06", "throughput": 5000.1,'
        f' "total_tokens": {step * 4096}, "elapsed_seconds": {step}.5, "time": {1_800_000_000 + step}.5}}\n'
    )


def test_a_million_steps_are_seen_at_once_and_every_spike_soon_after(folder):
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(folder), str(STEPS)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    found = json.loads(done.stdout)
    print(
        f"\n{STEPS:,} steps, {found['size'] / 1e6:.0f} MB: reading the bytes {1000 * found['raw']:.0f} ms, opening "
        f"{1000 * found['opened']:.0f} ms of work; every line {found['whole']:.1f} s in pieces of at most "
        f"{1000 * found['longest']:.0f} ms; a step more {1000 * found['more']:.1f} ms; memory {found['first'] / 1e6:.0f} MB, "
        f"then at most {found['peak'] / 1e6:.0f} MB"
    )
    assert found["spikes"] == [50.0, 60.0, 70.0]
    assert found["peak"] - found["first"] < 12_000_000
    if SCALE >= 1:
        assert found["opened"] < 0.5 and found["opened"] < found["whole"] / 10
    assert found["more"] < found["opened"]
