"""Beside programs that people like, at 120×40: what they send and cost, how soon they are there, and their way with a long log.

They are found on the PATH, or by ``TAROT_BENCH_NVITOP=/path/to/nvitop``, ``TAROT_BENCH_POSTING`` and ``TAROT_BENCH_TOOLONG``.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fakes import nvml
from fakes.live_run import LiveRun, watched
from fakes.timed_terminal import TimedTerminal, median

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
SECONDS = max(8.0, 20 * SCALE)
STARTS = max(3, int(5 * SCALE))
#: Lines of the long log, a hundred bytes each.
LINES = int(1_000_000 * SCALE)
PAGE_UP = "\x1b[5~"
MiB = 1 << 20

Open = Callable[[], TimedTerminal]


def installed(name: str, variable: str) -> str:
    """The program's path. Skips the test without it."""
    program = os.environ.get(variable) or shutil.which(name)
    if not program:
        pytest.skip(f"{name} is not installed: set {variable} to its path")
    return program


@dataclass(frozen=True)
class Start:
    """Of several starts the median: seconds to the first character and to the last change, bytes sent by then."""

    paint: float
    filled: float
    sent: float


def start(opened: Open, shown: str) -> Start:
    """Start it again and again, each time until ``shown`` is on the screen and nothing has moved for a while."""
    paints, ends, sent = [], [], []
    for turn in range(STARTS + 1):
        with opened() as terminal:
            terminal.wait_for(shown)
            terminal.wait_until_quiet(1.5)
            if turn:  # the first of all compiles modules, and fills the caches
                paints.append(terminal.first_paint())
                ends.append(terminal.filled())
                sent.append(terminal.sent)
    return Start(statistics.median(paints), statistics.median(ends), statistics.median(sent))


def show(rows: dict[str, tuple[float, ...]], *columns: str) -> None:
    """Print what was measured, and how many times of ours the other one's is."""
    print()
    (ours, theirs) = rows.values()
    for name, values in (
        *rows.items(),
        ("ratio", [b / a if a else float("inf") for a, b in zip(ours, theirs, strict=True)]),
    ):
        print(
            f"{name:10}"
            + "".join(f"{value:12.2f} {column}" for value, column in zip(values, columns, strict=True))
        )


@pytest.fixture
def live(project, tmp_path):
    """A run with eight GPUs; stopped after the test."""
    run = LiveRun(project, nvml.environment(nvml.build(tmp_path / "nvml"), NVML_GPUS=8))
    yield run
    run.stop()


@pytest.fixture
def ours(project, live) -> Open:
    """Opens our view of it."""
    return lambda: TimedTerminal(watched(project.root, live.folder.name), project.root, TAROT_TUI_LANG="en")


def test_it_sends_and_costs_hardly_more_than_nvitop_which_shows_no_curve_and_no_log(live, ours, tmp_path):
    nvitop = installed("nvitop", "TAROT_BENCH_NVITOP")
    environment = nvml.environment(tmp_path / "nvml", NVML_GPUS=8)
    live.start()
    gpus = {name: environment[name] for name in ("LD_LIBRARY_PATH", "NVML_GPUS")}
    argv = [nvitop, "--monitor", "full", "--interval", "1"]
    with ours() as here, TimedTerminal(argv, tmp_path, **gpus) as there:
        here.wait_for("of 4,000")
        there.wait_for("AVG GPU MEM")
        time.sleep(6)
        idle = {"ours": here.idle(SECONDS), "nvitop": there.idle(SECONDS)}
    rows = {name: (one.rate, 100 * one.cpu, one.rss / MiB) for name, one in idle.items()}
    show(rows, "B/s", "% CPU", "MiB")
    assert idle["ours"].rate <= 1.25 * idle["nvitop"].rate
    assert idle["ours"].cpu <= 1.25 * idle["nvitop"].cpu


def test_it_is_there_sooner_than_posting_with_less_sent_and_then_still(live, ours, tmp_path):
    posting = installed("posting", "TAROT_BENCH_POSTING")
    live.finish()

    def theirs() -> TimedTerminal:
        return TimedTerminal([posting, "--collection", str(tmp_path)], tmp_path, HOME=str(tmp_path))

    rows = {}
    for name, opened, shown in (("ours", ours, "q back"), ("posting", theirs, "Collection is empty")):
        began = start(opened, shown)
        with opened() as terminal:
            terminal.wait_for(shown)
            time.sleep(5)
            idle = terminal.idle(5)
        rows[name] = (1000 * began.paint, 1000 * began.filled, began.sent / 1000, idle.rate, idle.rss / MiB)
    show(rows, "ms to paint", "ms to fill", "kB", "B/s idle", "MiB")
    assert all(here <= there for here, there in zip(*rows.values(), strict=True))
    assert rows["ours"][3] == 0


def test_a_long_log_is_opened_and_paged_sooner_than_by_toolong_with_less_sent(live, ours, tmp_path):
    toolong = installed("tl", "TAROT_BENCH_TOOLONG")
    log = live.folder / "log.txt"
    with open(log, "a") as file:
        file.writelines(
            f"{{'loss': {step % 997 / 997:.4f}, 'step': {step:>9}, 'of': '{'x' * 60}'}}\n"
            for step in range(LINES)
        )
    live.finish()
    rows = {}
    for name, opened in (("ours", ours), ("toolong", lambda: TimedTerminal([toolong, str(log)], tmp_path))):
        began = start(opened, f"{LINES - 1}, 'of'")
        with opened() as terminal:
            terminal.wait_for(f"{LINES - 1}, 'of'")
            terminal.wait_until_quiet(2.0)
            pages = [one for one in terminal.reactions([PAGE_UP] * 10) if one.settled]
            rss = terminal.idle(2).rss
        rows[name] = (
            1000 * began.paint,
            1000 * began.filled,
            began.sent / 1000,
            1000 * median([one.settled for one in pages]),
            median([one.sent for one in pages]) / 1000,
            rss / MiB,
        )
    show(rows, "ms to paint", "ms to fill", "kB", "ms a page", "kB a page", "MiB")
    assert all(here <= there for here, there in zip(*rows.values(), strict=True))
