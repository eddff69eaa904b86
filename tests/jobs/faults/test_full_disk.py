"""The disk is full while a checkpoint is saved: the one before it stays, the reason is said, and resume goes on."""

from __future__ import annotations

import subprocess

import pytest

from tarot_tui.jobs import control, files, status
from tarot_tui.project import create

MEGABYTE = 1 << 20


@pytest.fixture
def small_disk(mount_small_disk):
    """A file system of 2 MiB of its own."""
    return mount_small_disk("2m")


def test_a_full_disk_ends_the_run_with_its_reason_and_costs_no_checkpoint(
    small_disk, training, ended, points, stand_in, wait_until, cut_power
):
    project = create(small_disk / "project")
    folder = training(60, 0.02, 5, 400_000, within=project, start=False)
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * MEGABYTE)  # room for the checkpoints 5 and 10, not for 15
    control.resume(folder)
    found = ended(folder)
    assert (found.state, found.cause) == ("failed", "disk_full")
    assert "free some space" in found.reason
    saved, _weights = stand_in.last_complete(folder)
    assert saved == 10
    curve = points(folder)
    assert curve == stand_in.curve(len(curve)) and len(curve) >= saved

    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert control.resume(folder).attempt == 2
    assert ended(folder).state == "finished"
    assert points(folder) == stand_in.curve(60)


def test_on_a_disk_without_a_byte_left_the_end_of_a_run_is_still_written(
    small_disk, training, wait_until, ended
):
    project = create(small_disk / "project")
    folder = training(10_000, 0.02, 10_000, within=project)
    wait_until(lambda: (folder / files.PROGRESS).exists())
    with open(small_disk / "filler", "wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
        while True:
            filler.write(b"\0" * 4096)
    found = ended(folder)
    assert (found.state, found.cause) == ("failed", "disk_full")
    assert status.read(folder).ended
