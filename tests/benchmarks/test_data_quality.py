"""A hundred thousand samples are checked in a bounded time and memory, and what is almost the same is found."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time

import pytest

from tarot_tui.data import registry, samples
from tarot_tui.data.quality.near import NearDuplicates, pieces

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
SAMPLES = max(int(100_000 * SCALE), 2000)
LETTERS = (
    "愚者代表新的開始自由與冒險正位逆位魔術師創造力女祭司直覺智慧皇帝權威教皇傳統戀人選擇戰車勝利力量隱士命運"
)

CHECK = """
import json, resource, sys, time
from pathlib import Path
from tarot_tui.data.quality.check import check
from tarot_tui.project import Project
began = time.perf_counter()
report = check(Project(Path(sys.argv[1])), "many")
seconds = time.perf_counter() - began
found = {one.id: len(one.samples) for one in report.findings}
print(json.dumps([found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


def texts(count):
    """``count`` random texts of 300 letters, every hundredth of which is an earlier one with a letter changed."""
    rng = random.Random(7)
    made = []
    for place in range(count):
        text = "".join(rng.choices(LETTERS, k=300))
        made.append(made[place - 50].replace("愚", "狂", 1) if place % 100 == 99 else text)
    return made


@pytest.mark.benchmark
def test_near_duplicates_are_found_without_comparing_each_with_each():
    made = texts(SAMPLES)
    began = time.perf_counter()
    near = NearDuplicates(made.__getitem__)
    for text in made:
        near.add(text)
    groups = near.groups()
    took = time.perf_counter() - began
    some = [pieces(text) for text in made[:400]]
    began = time.perf_counter()
    for place, one in enumerate(some):
        for other in some[:place]:
            len(one & other)
    pairs = SAMPLES * (SAMPLES - 1) / 2
    each = (time.perf_counter() - began) / (400 * 399 / 2) * pairs
    print(f"\n{SAMPLES:,} texts: {took:.1f} s; each with each would take {each / 3600:.1f} h")
    assert groups == [[place - 50, place] for place in range(99, SAMPLES, 100)]
    assert each > 20 * took


@pytest.mark.benchmark
def test_a_check_is_bounded_in_memory(project):
    rows = (
        {"instruction": f"第 {n} 張？", "input": "", "output": text} for n, text in enumerate(texts(SAMPLES))
    )
    samples.write(project.data / "many.json", rows)
    registry.register(project, "many", registry.alpaca("many.json", system=False))
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(project.root)], capture_output=True, text=True, check=True
    )
    found, seconds, peak = json.loads(done.stdout)
    print(f"\n{SAMPLES:,} samples checked in {seconds:.1f} s, {peak / 1000:.0f} MB at most")
    assert found == {"data.near_duplicate": SAMPLES // 100}
    assert peak / 1000 < 100 + SAMPLES / 500
