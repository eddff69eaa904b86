"""Quitting a watched run, also while the driver hangs, beside a trivial Textual app."""

from __future__ import annotations

import json
import os
import pty
import select
import statistics
import subprocess
import sys
import time

import pytest
from fakes import nvml

pytestmark = pytest.mark.benchmark

ROUNDS = 5
TRIVIAL = """
from textual.app import App
from textual.widgets import Static

class Trivial(App):
    BINDINGS = [("q", "quit", "quit")]
    def compose(self):
        yield Static("following")

Trivial().run()
"""


def seconds_to_quit(argv: list[str], environment: dict[str, str], settle: float) -> float:
    """From the key to the end of the process, after ``settle`` seconds of work."""
    master, slave = pty.openpty()
    environment = environment | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        argv, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        seen, until = b"", time.monotonic() + 30
        while b"following" not in seen and time.monotonic() < until:
            seen += os.read(master, 65536)
        until = time.monotonic() + settle
        while time.monotonic() < until:
            if select.select([master], [], [], 0.1)[0]:
                os.read(master, 65536)
        begun = time.perf_counter()
        os.write(master, b"q")
        while process.poll() is None and time.perf_counter() - begun < 60:
            if select.select([master], [], [], 0.01)[0]:
                try:
                    os.read(master, 65536)
                except OSError:
                    break
        process.wait(60)
        return time.perf_counter() - begun
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_quitting_takes_no_longer_than_a_trivial_app_also_while_the_driver_hangs(tmp_path):
    rows = [{"current_steps": step, "total_steps": 40, "loss": 4 - step / 10} for step in range(1, 11)]
    (tmp_path / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    library = nvml.build(tmp_path / "nvml")
    watch = [sys.executable, "-m", "tarot_tui", "watch", str(tmp_path)]
    well = nvml.environment(library, NVML_GPUS=8)
    measured: dict[str, list[float]] = {"trivial": [], "watching": [], "hanging": []}
    for _round in range(ROUNDS):
        measured["trivial"].append(seconds_to_quit([sys.executable, "-c", TRIVIAL], well, 1.0))
        measured["watching"].append(seconds_to_quit(watch, well, 1.0))
        measured["hanging"].append(seconds_to_quit(watch, well | {"NVML_HANG": "60"}, 3.0))
    medians = {name: statistics.median(values) for name, values in measured.items()}
    print(
        "\nkey to end, median ms: " + ", ".join(f"{name} {1000 * one:.0f}" for name, one in medians.items())
    )
    assert max(medians["watching"], medians["hanging"]) < medians["trivial"] + 0.2
