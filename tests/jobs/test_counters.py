"""What the kernel counts is read as psutil reads it."""

from __future__ import annotations

import psutil

from tarot_tui.jobs import counters


def test_memory_is_what_psutil_says():
    assert counters.memory()[0] == psutil.virtual_memory().total
    # What is free goes up and down while we read: others take memory and give it back all the time.
    tries = [
        between(lambda: psutil.virtual_memory().available, lambda: counters.memory()[1]) for _ in range(200)
    ]
    assert any(max(found) - min(found) <= 2 << 20 for found in tries)


def test_traffic_is_what_psutil_says():
    before, ours, after = between(lambda: psutil.net_io_counters(pernic=True), counters.network)
    there = before.keys() & after.keys()
    assert there <= ours.keys() <= before.keys() | after.keys()
    for name in there:
        came, went = ours[name]
        assert before[name].bytes_recv <= came <= after[name].bytes_recv
        assert before[name].bytes_sent <= went <= after[name].bytes_sent


def test_what_went_over_the_disks_is_what_psutil_says():
    before, ours, after = between(psutil.disk_io_counters, counters.disks)
    if before is None:
        assert ours is None
    else:
        assert before.read_bytes <= ours[0] <= after.read_bytes
        assert before.write_bytes <= ours[1] <= after.write_bytes


def between(theirs, ours):
    """psutil's reading, ours, and psutil's again."""
    return theirs(), ours(), theirs()


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
