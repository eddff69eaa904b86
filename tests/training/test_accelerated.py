"""Our ``accelerate launch`` ends as its worker did, and lets it save when everything is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

#: Says that it is there, and then ends as it is told.
WORKER = """
import os, signal, sys, time
print("up", flush=True)
if sys.argv[1] == "saves":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0 if not print("saved", flush=True) else 1))
    print("ready", flush=True)
    time.sleep(60)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def launched(tmp_path):
    """Starts the worker below it, in a process group of its own."""
    (tmp_path / "worker.py").write_text(WORKER)
    made = []

    def launch(what: str) -> subprocess.Popen:
        options = [
            "--num_processes",
            "1",
            "--num_machines",
            "1",
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
        ]
        command = [sys.executable, "-m", "tarot_tui.training.engines.accelerated", "--cpu", *options]
        made.append(
            subprocess.Popen(
                [*command, str(tmp_path / "worker.py"), what],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return made[-1]

    yield launch
    for process in made:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_killed_worker_is_reported_as_a_shell_does_and_without_a_traceback(launched):
    process = launched("dies")
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + signal.SIGKILL, "up\n")
    assert "Traceback" not in errors


def test_told_to_end_it_waits_until_its_worker_has_saved(launched):
    process = launched("saves")
    assert [process.stdout.readline() for _line in range(2)] == ["up\n", "ready\n"]
    os.kill(process.pid, signal.SIGTERM)
    said, _errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "saved\n")
