"""What a job costs, and what its supervisor measures of the machine meanwhile."""

from __future__ import annotations

import time

import psutil

from tarot_tui.jobs import files, status
from tarot_tui.jobs.metrics import last_metrics


def test_the_supervisor_stays_small(started, wait_until):
    folder = started("import time; time.sleep(60)")
    wait_until(lambda: (folder / files.HARDWARE).exists())
    rss = psutil.Process(status.read(folder).supervisor.pid).memory_info().rss
    assert rss < 40e6


def test_hardware_is_sampled_with_the_memory_of_the_worker(started, wait_until):
    folder = started("x = b'1' * 50_000_000\nimport time; time.sleep(60)")
    sample = wait_until(
        lambda: (now := last_metrics(folder / files.HARDWARE, 1)).get("rss", 0) > 50e6 and now
    )
    assert 0 < sample["ram_used"] < sample["ram_total"]
    assert sample["disk_free"] > 0
    assert time.time() - sample["time"] < 60
