"""What the kernel counts is read as psutil reads it."""

from __future__ import annotations

import psutil
import pytest

from tarot_tui.jobs import counters

#: Bytes that a counter may have moved between two readings.
_MOVED = 64 << 20


def test_memory_is_what_psutil_says():
    total, available = counters.memory()
    assert total == psutil.virtual_memory().total
    assert available == pytest.approx(psutil.virtual_memory().available, abs=8 * _MOVED)


def test_traffic_is_what_psutil_says():
    cards = psutil.net_io_counters(pernic=True)
    ours = counters.network()
    assert ours.keys() == cards.keys()
    for name, (came, went) in ours.items():
        assert came == pytest.approx(cards[name].bytes_recv, abs=_MOVED)
        assert went == pytest.approx(cards[name].bytes_sent, abs=_MOVED)
    disks = psutil.disk_io_counters()
    if disks is None:
        assert counters.disks() is None
    else:
        assert counters.disks() == pytest.approx((disks.read_bytes, disks.write_bytes), abs=_MOVED)


def test_memory_of_a_container_is_never_more_than_there_is(tmp_path):
    file = tmp_path / "meminfo"
    file.write_text("MemTotal: 100 kB\nMemFree: 20 kB\nMemAvailable: 900 kB\nHugePages_Total: 0\n")
    assert counters.memory(tmp_path) == (100 * 1024, 20 * 1024)
    file.write_text("MemTotal: 100 kB\nMemFree: 20 kB\nCached: 30 kB\n")
    assert counters.memory(tmp_path) == (100 * 1024, 50 * 1024)


def test_the_busy_share_leaves_out_idling_and_waiting_and_counts_no_guest_twice(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  10 0 10 100 10 0 0 0 5 0\ncpu0 1 1 1 1\n")
    cpu = counters.Cpu(tmp_path)
    assert cpu.percent() == 0.0
    stat.write_text("cpu  20 0 20 160 30 0 0 0 15 0\ncpu0 1 1 1 1\n")
    assert cpu.percent() == 20.0
    stat.write_text("cpu  20 0 20 100 30 0 0 0 15 0\ncpu0 1 1 1 1\n")
    assert cpu.percent() == 0.0


def test_a_partition_is_not_counted_beside_its_disk(tmp_path):
    (tmp_path / "block/sda").mkdir(parents=True)
    (tmp_path / "block/cciss!c0d0").mkdir()
    lines = ["8 0 sda 1 0 10 0 1 0 20 0 0 0 0", "8 1 sda1 1 0 10 0 1 0 20 0 0 0 0"]
    lines += ["104 0 cciss/c0d0 1 0 1 0 1 0 2 0 0 0 0"]
    (tmp_path / "diskstats").write_text("\n".join(lines) + "\n")
    assert counters.disks(tmp_path, tmp_path / "block") == (11 * 512, 22 * 512)
    (tmp_path / "diskstats").write_text("")
    assert counters.disks(tmp_path, tmp_path / "block") is None
