"""Our own screens, recorded: what the diffing driver sends looks, cell by cell, as what the stock one would have sent."""

import json
import sys
from pathlib import Path

import pyte
import pytest
from fakes.ollama import FakeOllama
from fakes.releases import empty_release

from tarot_tui.project import create
from tarot_tui.tui.celldiff import CellDiff

APP = Path(__file__).with_name("recorded_app.py")
SIZES = [(80, 24), (160, 50)]
ESCAPE, PALETTE, PAGE_UP = "\x1b", "\x10", "\x1b[5~"


def press(terminal, key):
    """A key or bytes; a pair is another size of the window, and of several pieces each is read before the next comes."""
    match key:
        case (int(width), int(height)):
            terminal.resize(width, height)
        case [*pieces]:
            for piece in pieces:
                terminal.send(piece)
                terminal.read(0.04)
        case _:
            terminal.send(key)


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
            press(terminal, key)
            terminal.read(0.15)
        terminal.read(0.5)
        writes = [json.loads(line) for line in recording.read_text("utf-8").splitlines()]
        stock, slim = pyte.Screen(width, height), pyte.Screen(width, height)
        stock_stream, slim_stream = pyte.ByteStream(stock), pyte.ByteStream(slim)
        diff, frames, sent = CellDiff(width, height), 0, 0
        for columns, rows, data in writes:
            if diff.size != (columns, rows):
                diff.resize(columns, rows)
                for screen in (stock, slim):
                    screen.resize(rows, columns)
                    screen.reset()  # what a terminal makes of what it showed is its own affair
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
        return sum(len(data) for *_size, data in writes), sent

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


def composed(text):
    """As an input method sends it over a slow line: every character in two pieces."""
    halves = [[one.encode()[:1], one.encode()[1:]] for one in text]
    return [piece for pair in halves for piece in pair]


def test_a_conversation_in_chinese_and_a_window_of_one_cell(project, compared, monkeypatch):
    with FakeOllama() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        server.answer = [
            "愚者🃏代表",
            "新的開始、",
            "冒險與「純真」。\n\n",
            "聖杯騎士帶著 é ẹ́ 邀請而來；" * 9,
            "🎴 END",
        ]
        empty_release(project, "tarot", system="你是塔羅師。")
        server.add("tarot:latest", system="你是塔羅師。")
        project.remember("step", "chat")
        first = [composed("愚者是意思"), "\x7f", "\x7f", composed("？"), "\x1b[D", composed("牌"), "\r"]
        others = ["\x1b[200~聖杯騎士呢\x1b[201~", "\r", PAGE_UP, "\x0f", "\x0f"]
        sizes = [(1, 1), (7, 2), (160, 50), (31, 90)]
        stock, slim = compared(
            project.root, "answers from", [*first, *others, *sizes, composed("再見")], 100, 30
        )
        said = [message["content"] for message in asked_last(server)]
        assert said[-1] == "聖杯騎士呢" and "愚者是牌？" in said
    assert slim < stock / 2


def asked_last(server):
    return [body for _method, path, body in server.requests if path == "/api/chat"][-1]["messages"]
