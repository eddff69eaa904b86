"""A dataset of a gigabyte is there at once, in little memory; and so is its last sample, soon after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tarot_tui.data import registry

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
SAMPLES = max(int(1_000_000 * SCALE), 1000)
TEXT = "嶄新的旅程即將展開，帶著好奇心輕裝上路，未知會給你意想不到的禮物。" * 10

#: Opens the dataset and shows sample NUMBER, in a process of its own; prints seconds since its start, and peak kB.
OPEN = """
import resource, sys, time
from pathlib import Path
from tarot_tui.data.preview import Preview
from tarot_tui.project import Project
shown = Preview(Project(Path(sys.argv[1])), "big").settle().sample(int(sys.argv[2]))
print(shown.messages[0]["content"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sep="|")
"""


@pytest.fixture
def big(project):
    with open(project.data / "big.jsonl", "w", encoding="utf-8") as file:
        for number in range(1, SAMPLES + 1):
            file.write(f'{{"instruction": "{number}", "input": "", "output": "{TEXT}"}}\n')
    registry.register(project, "big", registry.alpaca("big.jsonl", system=False))
    return project


def opened(project, number):
    """Seconds until a new process has shown the sample, and the most memory it took, in MB."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(project.root), str(number)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    said, peak = done.stdout.split("|")
    assert said == str(number)
    return seconds, int(peak) / 1000


@pytest.mark.benchmark
def test_a_gigabyte_opens_at_once(big):
    path = big.data / "big.jsonl"
    size = path.stat().st_size
    began = time.perf_counter()
    with open(path, encoding="utf-8") as file:
        assert sum(len(json.loads(line)["output"]) > 0 for line in file) == SAMPLES
    through = time.perf_counter() - began
    first, first_peak = min(opened(big, 1) for _ in range(3))
    last, last_peak = min(opened(big, SAMPLES) for _ in range(2))
    print(
        f"\n{size / 1e9:.2f} GB, {SAMPLES:,} samples: reading it through {through:.2f} s; "
        f"first sample shown {first:.3f} s after the process was started ({first_peak:.0f} MB), "
        f"the last one {last:.2f} s ({last_peak:.0f} MB)"
    )
    assert first < 0.5
    assert last < through
    assert max(first_peak, last_peak) < 80
    if SCALE >= 1:
        assert size > 1e9 and first < through / 10
