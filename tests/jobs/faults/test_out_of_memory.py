"""A worker that the kernel ends for want of memory is told apart from one that somebody killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tarot_tui.jobs import cgroup, status

LIMIT = 300_000_000
GREEDY = """
held = []
while True:
    held.append(b"1" * 10_000_000)
"""
#: Starts a job inside a control group, as a batch system, a container or a systemd scope has it.
START = """
import os, pathlib, sys
from tarot_tui.jobs import launch
pathlib.Path(sys.argv[2], "cgroup.procs").write_text(str(os.getpid()))
launch.start(pathlib.Path(sys.argv[1]))
"""


def test_the_kernels_own_count_tells_whom_it_ended(control_group, job, ended):
    folder = job(GREEDY)
    subprocess.run([sys.executable, "-c", START, str(folder), str(control_group(LIMIT))], check=True)
    found = ended(folder)
    assert (found.state, found.signal, found.cause) == ("failed", 9, "host_oom")
    assert "ran out of memory" in found.reason


def test_the_groups_of_both_versions_are_read(tmp_path):
    (tmp_path / "proc/7").mkdir(parents=True)
    for cgroups, file in (
        ("0::/jobs/one", "sys/fs/cgroup/jobs/one/memory.events"),
        ("9:name=systemd:/\n4:cpu,memory:/jobs/one", "sys/fs/cgroup/memory/jobs/one/memory.oom_control"),
    ):
        (tmp_path / "proc/7/cgroup").write_text(cgroups + "\n")
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
        assert cgroup.oom_kills(7, tmp_path) == 3
        (tmp_path / file).unlink()
    assert cgroup.oom_kills(7, tmp_path) is None


def test_who_was_killed_while_memory_sufficed_was_killed_by_somebody(
    training, kill, ended, wait_until, points
):
    if cgroup.oom_kills() is None:
        pytest.skip("this kernel does not say whom it ended")
    folder = training(10_000)
    wait_until(lambda: points(folder))
    kill(status.read(folder).worker)
    assert "not for want of memory" in ended(folder).reason
