"""Our own screens, recorded: what the diffing driver sends looks, cell by cell, as what the stock one would have sent."""

import json
import sys
from pathlib import Path

import pyte
import pytest

from tarot_tui.project import create
from tarot_tui.tui.celldiff import CellDiff

APP = Path(__file__).with_name("recorded_app.py")
SIZES = [(80, 24), (160, 50)]
ESCAPE, PALETTE, PAGE_UP = "\x1b", "\x10", "\x1b[5~"


@pytest.fixture
def compared(tmp_path, open_terminal, cells_of):
    """Presses keys in an app over ``folder``; compares every frame; returns the bytes of both drivers."""

    def compare(folder, first, keys, width, height):
        recording = tmp_path / "raw.jsonl"
        terminal = open_terminal(
            [sys.executable, str(APP), str(recording), str(folder)], width, height, TAROT_TUI_LANG="en"
        )
        terminal.wait_for(first, 40)
        terminal.read(0.3)
        for key in keys:
            terminal.send(key)
            terminal.read(0.15)
        terminal.read(0.5)
        writes = [json.loads(line)[2] for line in recording.read_text("utf-8").splitlines()]
        stock, slim = pyte.Screen(width, height), pyte.Screen(width, height)
        stock_stream, slim_stream = pyte.ByteStream(stock), pyte.ByteStream(slim)
        diff, frames, sent = CellDiff(width, height), 0, 0
        for data in writes:
            squeezed = diff.squeeze(data)
            stock_stream.feed(terminal.clean(data.encode()))
            slim_stream.feed(terminal.clean(squeezed.encode()))
            if len(data) > 100:
                assert cells_of(slim) == cells_of(stock)
                frames += 1
            sent += len(squeezed)
        # And what really went through the pseudo-terminal, coalesced as it may have been, ended in the same picture.
        assert cells_of(terminal.screen) == cells_of(stock)
        assert frames > 3  # fewer than keys where the machine is busy
        return sum(map(len, writes)), sent

    return compare


@pytest.mark.parametrize("size", SIZES)
def test_the_steps_the_palette_and_the_help_of_the_wizard(tmp_path, compared, size):
    project = create(tmp_path / "牌", example=True)
    project.remember("step", "dataset")
    keys = ["3", "5", "6", "?", ESCAPE, PALETTE, "塔", ESCAPE, "4", "7", "2", PAGE_UP, "?", ESCAPE]
    stock, slim = compared(project.root, "step 2 of 7", keys, *size)
    assert slim < stock / 2


@pytest.mark.parametrize("size", SIZES)
def test_the_live_view_of_a_run_and_its_log(make_job, compared, size):
    job = make_job()
    job.status("finished", 120, ended=job.now)
    job.losses(*(3.0 - step / 100 for step in range(120)))
    job.hardware()
    job.log(
        *(f"第 {number} 步 🎴 loss {3 - number / 100:.2f} {'牌' * (number % 40)}" for number in range(400))
    )
    keys = [PAGE_UP, PAGE_UP, "k", "j", "l", PAGE_UP, "g", "G", "/", *"loss 1", "\r", "n", "n", "N", ESCAPE]
    keys += ["l", "v", "v", "v", "m", "m", "i", "+", "-", "?", ESCAPE]
    stock, slim = compared(job.folder, "第 399 步", keys, *size)
    assert slim < stock / 2
