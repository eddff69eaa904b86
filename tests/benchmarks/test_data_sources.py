"""Documents to samples: a large workbook against the old batch script, a large csv in bounded memory.

``TAROT_BENCH_SCALE=0.1`` makes both a tenth as large.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
ENGLISH = (
    "the fool is a card of spontaneous action a leap beyond some state and time to enjoy what is before you"
)
CHINESE = "愚人是一張代表自發性行為的牌一段跳脫某種狀態的日子或盡情享受眼前日子的一段時光逃避承諾創造力膚淺正位逆位愛情事業"
TEMPLATE = """
samples:
  - instruction: "What does {Card} mean upright?"
    output: "{Upright}"
  - instruction: "And {Card} reversed?"
    output: "{Reversed}"
"""

# The old batch script, its loops and its one dictionary for each cell.
OLD_SCRIPT = """
import json, sys
import pandas as pd

path, target = sys.argv[1:]
dataset = []
frame = pd.read_excel(path)
for index, row in frame.iterrows():
    for column in frame.columns:
        if pd.notna(row[column]):
            dataset.append({
                "instruction": f"在文件'big.xlsx'的'{column}'中，第{index + 1}項的內容是什麼？",
                "input": "",
                "output": str(row[column]),
            })
with open(target, "w", encoding="utf-8") as file:
    json.dump(dataset, file, ensure_ascii=False, indent=2)
"""

# Its own peak, and the processor time of itself and of the processes it waited for.
OURS = """
import resource, sys
from tarot_tui.cli import main
code = main(sys.argv[1:])
used = sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
           for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(used, int(peak) * 1024)
sys.exit(code)
"""


def timed(*command: object) -> tuple[float, str]:
    """Seconds on the clock, and the last line that the command printed."""
    started = time.perf_counter()
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return time.perf_counter() - started, (done.stdout.splitlines() or [""])[-1]


def build(project, path, name, *options) -> tuple[float, float, int]:
    """Seconds on the clock, seconds of processor time, peak bytes of ``data build``."""
    command = ["data", "build", path, "-o", name, "-q", "--project", project.root, *options]
    seconds, last = timed(sys.executable, "-c", OURS, *command)
    used, peak = last.split()
    return seconds, float(used), int(peak)


def phrases(words: list[str], count: int, shortest: int, longest: int, joint: str = " ") -> list[str]:
    draw = random.Random(1)
    return [joint.join(draw.choices(words, k=draw.randint(shortest, longest))) for _ in range(count)]


@pytest.fixture
def big_workbook(tmp_path: Path) -> Path:
    """1,000,000 cells: numbers, and phrases of two to twelve words."""
    import openpyxl

    pool = phrases(ENGLISH.split() + ["愚者", "魔術師"], 50_000, 2, 12)
    draw = random.Random(2)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("S")
    sheet.append([f"Column {number}" for number in range(10)])
    for number in range(int(100_000 * SCALE)):
        sheet.append([number, number * 0.25, *draw.choices(pool, k=8)])
    book.save(tmp_path / "big.xlsx")
    return tmp_path / "big.xlsx"


@pytest.mark.benchmark
def test_a_workbook_of_a_million_cells_is_read_15_times_as_fast_as_by_the_old_script(
    project, big_workbook, tmp_path
):
    old, _last = timed(sys.executable, "-c", OLD_SCRIPT, big_workbook, tmp_path / "old.json")
    # The shortest of three: whatever else the machine does only adds, and did so to the old one's long run too.
    ours = min(build(project, big_workbook, "big")[0] for _ in range(3))
    print(f"\nold script {old:.1f} s, tarot-tui {ours:.2f} s: {old / ours:.1f} times as fast")
    with open(tmp_path / "old.json", "rb") as expected, open(project.data / "big.json", "rb") as found:
        texts = [one["output"].removesuffix(".0") for one in json.load(expected)]
        assert [one["output"] for one in json.load(found)] == texts
    assert old / ours >= 15


@pytest.mark.benchmark
@pytest.mark.parametrize("language", ["English", "Chinese"])
def test_two_gigabytes_of_csv_pass_in_bounded_memory_at_60_megabytes_a_second(project, tmp_path, language):
    words, joint = (ENGLISH.split(), " ") if language == "English" else (list(CHINESE), "")
    longest = 40 if language == "English" else 90
    pool = [f'"{phrase}, {phrase[:5]}"' for phrase in phrases(words, 5_000, 10, longest, joint)]
    draw = random.Random(3)
    size = int(2_000_000_000 * SCALE)
    path = tmp_path / "big.csv"
    block = "".join(
        f"{number},card {number % 78},{','.join(draw.choices(pool, k=3))}\r\n" for number in range(20_000)
    ).encode()
    with open(path, "wb") as file:
        file.write(b"Number,Card,Upright,Reversed,Love\r\n")
        while file.tell() < size:
            file.write(block)
    (tmp_path / "t.yaml").write_text(TEMPLATE)

    _seconds, used, peak = build(project, path, "big", "--template", tmp_path / "t.yaml")
    speed = path.stat().st_size / 1e6 / used
    print(f"\n{language}: {speed:.0f} MB/s per core, peak {peak / 1e6:.0f} MB")
    assert peak < 300_000_000
    assert speed >= 60
