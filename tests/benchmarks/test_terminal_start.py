"""How soon a start shows something, and how soon everything, beside a program of Textual that shows one word.

*First paint* is the first output after which a person can read what he started us for: of the live view the run's name,
its state and its step; of the list the newest run and its state; of the wizard the step that he is in. An empty screen, a
frame or our own name do not count. *Whole* is the first output after which all of the screen is there, down to the keys
on its last line. The program of Textual is measured until its one word can be read, which is all it has.

Starts of both take turns, and medians are compared. On a busy machine the time on the wall says more about the others
than about us, so it is the time of the processor that is held to a close bound.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest
from fakes import nvml
from fakes.live_run import LiveRun
from fakes.timed_terminal import TimedTerminal

pytestmark = pytest.mark.benchmark

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))
#: How often a start is repeated.
STARTS = max(3, int(9 * SCALE))
#: How much slower this machine may be for us than the one for which the goals of CPU time were set.
SLOWER = float(os.environ.get("TAROT_BENCH_SLOWER", "2.0"))

TRIVIAL = """
from textual.app import App
from textual.widgets import Static

class Trivial(App):
    def compose(self):
        yield Static("trivial")

Trivial().run()
"""
#: Of each screen: what is started, what can be read first, and what besides when all is there.
SCREENS = {
    "watch": (
        ["watch", "-1"],
        ("The deck", "finished", "step 300 of 4,000"),
        ("Loss by step", "Hardware", "q back"),
    ),
    "list": (["watch"], ("Runs", "deck", "finished"), ("newest first", "q back")),
    "wizard": ([], ("Export", "step 5 of 7", "Train"), ("Quantisation", "q quit")),
}


@pytest.fixture
def finished(project, tmp_path):
    """A project with two runs that are over; the wizard was left at the export."""
    environment = nvml.environment(nvml.build(tmp_path / "nvml"), NVML_GPUS=8)
    for past in (20, 300):
        LiveRun(project, environment, past).finish()
    project.remember("step", "export")
    return project


@pytest.mark.parametrize("screen", SCREENS)
def test_the_first_paint_comes_long_before_that_of_a_program_that_shows_one_word(screen, finished):
    verb, readable, more = SCREENS[screen]
    argv = [sys.executable, "-m", "tarot_tui", "--project", str(finished.root), *verb]
    first, whole, word = [], [], []
    for turn in range(STARTS + 1):
        with TimedTerminal(argv, finished.root, TAROT_TUI_LANG="en") as ours:
            painted, filled = ours.seen(*readable), ours.seen(*readable, *more)
        with TimedTerminal([sys.executable, "-c", TRIVIAL], finished.root) as trivial:
            shown = trivial.seen("trivial")
        if turn:  # the first of all compiles our modules
            first.append(painted)
            whole.append(filled)
            word.append(shown)
    (first_wall, first_cpu), (whole_wall, whole_cpu) = _ratios(first, word), _ratios(whole, word)
    print(
        f"\n{screen}: {_figures('first paint', first)}, {_figures('whole', whole)}, {_figures('one word', word)}"
    )
    print(f"first paint {first_wall:.2f} times that of one word, {first_cpu:.2f} in CPU time")
    print(f"whole {whole_wall:.2f} times, {whole_cpu:.2f} in CPU time")
    assert first_cpu <= 0.6 and first_wall <= 1.0
    assert whole_cpu <= 2.1


def _ratios(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> list[float]:
    return [
        statistics.median(mine) / statistics.median(its)
        for mine, its in zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True)
    ]


def _figures(name: str, starts: list[tuple[float, float]]) -> str:
    wall, cpu = (1000 * statistics.median(values) for values in zip(*starts, strict=True))
    return f"{name} {wall:.0f} ms (CPU {cpu:.0f})"


def test_help_costs_little_more_than_python(project):
    def cpu(*arguments: str) -> float:
        times = []
        for _start in range(STARTS):
            process = subprocess.Popen(
                [sys.executable, *arguments], stdout=subprocess.DEVNULL, cwd=project.root
            )
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            times.append(usage.ru_utime + usage.ru_stime)
        return statistics.median(times)

    bare, ours = cpu("-c", "pass"), cpu("-m", "tarot_tui", "--help")
    print(f"\n--help: {1000 * (ours - bare):.0f} ms of CPU over bare Python ({1000 * bare:.0f} ms)")
    assert ours - bare <= 0.060 * SLOWER
