"""Terminals of every kind: few colours or none, no terminal worth the name, sizes, pastes, ends of every kind."""

from __future__ import annotations

import re
import signal
import sys
import time

import pytest

from tarot_tui.jobs import launch
from tarot_tui.project import create

KINDS = [
    ({"TERM": "linux"}, "16"),
    ({"TERM": "xterm"}, "16"),
    ({"TERM": "xterm-256color"}, "256"),
    ({"TERM": "screen-256color"}, "256"),
    ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "all"),
    ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "grey"),
]


@pytest.mark.parametrize(
    "environment, colours",
    KINDS,
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
def test_every_word_can_be_read_in_as_many_colours_as_there_are(
    project, counting, terminal, monkeypatch, environment, colours
):
    for name in ("NO_COLOR", "COLORTERM", "COLORFGBG", "TAROT_TUI_THEME"):
        monkeypatch.delenv(name, raising=False)
    one = terminal("watch", "deck", cwd=project.root, environment=environment)
    one.wait_for("q back")
    asked_for = one.colours_sent()
    assert {"16": not asked_for, "256": asked_for == {"5"}, "all": asked_for == {"2"}, "grey": True}[colours]
    unreadable = [cell for cell in one.cells() if cell.data.strip() and cell.fg == cell.bg != "default"]
    assert not unreadable
    one.type("q")
    assert one.process.wait(60) == 0


def test_no_size_ends_it_and_the_old_size_looks_as_before(project, counting, terminal):
    launch.start(counting)
    one = terminal("watch", "deck", cwd=project.root)
    one.wait_for("running")
    for columns, lines in ((1, 1), (5, 3), (300, 100), (20, 200), (100, 30)):
        one.resize(columns, lines)
        time.sleep(0.25)
    one.wait_for("q back")
    one.wait_for("running")
    assert one.process.poll() is None
    one.type("q")
    assert one.process.wait(60) == 0


def test_pasted_and_composed_chinese_arrives_whole_in_a_field(tmp_path, terminal):
    place = create(tmp_path / "p", example=True).root
    one = terminal(cwd=place)
    one.wait_for("step 1 of 7")
    one.press("\x10")  # the palette, which has a field
    one.wait_for("─ Commands")
    one.press("\x1b[200~塔羅\x1b[201~")
    one.wait_for("塔羅")
    for half in (b"\xe8\x81", b"\x96"):  # an input method's character may be read in two pieces
        one.press_bytes(half)
        time.sleep(0.1)
    assert "塔羅聖" in one.wait_for("塔羅聖")


FAULTS = {
    "exception": "raise RuntimeError('on purpose')",
    "segfault of a child": "import subprocess; subprocess.run([sys.executable, '-c', 'import os; os.kill(os.getpid(), 11)'])",
    "words on standard error": "os.write(2, b'a library says this on the screen')",
}
APP = """
import os, sys
from tarot_tui.tui.base import TarotApp
from textual.widgets import Static

class Some(TarotApp):
    def compose(self):
        yield Static("it is there")

    def key_k(self):
        {fault}
        self.query_one(Static).update("still there")

    def key_q(self):
        self.exit()

app = Some()
app.run()
sys.exit(app.return_code)
"""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_terminal_is_given_back_whatever_happened(project, terminal, fault):
    code = APP.format(fault=FAULTS[fault])
    one = terminal("-c", code, cwd=project.root, program=[sys.executable])
    one.wait_for("it is there")
    one.type("k")
    if fault != "exception":
        assert "a library says" not in one.wait_for("still there")
        one.type("q")
    assert one.process.wait(60) == (1 if fault == "exception" else 0)
    assert_given_back(one)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_gives_the_terminal_back(project, counting, terminal, number):
    one = terminal("watch", "deck", cwd=project.root)
    one.wait_for("q back")
    one.process.send_signal(number)
    one.process.wait(60)
    if number == signal.SIGTERM:
        assert_given_back(one)


def assert_given_back(one):
    one.take_all()
    for mode in (1049, 1002, 1000, 1004, 2004):
        on, off = one.sent.rfind(b"\x1b[?%dh" % mode), one.sent.rfind(b"\x1b[?%dl" % mode)
        assert 0 <= on < off, mode


def test_a_terminal_that_takes_nothing_does_not_hold_up_quitting(project, counting, terminal):
    launch.start(counting)
    one = terminal("watch", "deck", cwd=project.root)
    one.wait_for("running")
    one.stall()
    for _turn in range(200):  # more than the kernel holds for a terminal that nobody reads
        one.press_bytes(b"\x0c")
        time.sleep(0.01)
    one.type("q")
    one.process.wait(60)  # not for ever; how long is measured where it is quiet


def test_a_dumb_terminal_is_never_drawn_on(project, terminal):
    one = terminal(cwd=project.root, environment={"TERM": "dumb"})
    end = time.monotonic() + 60
    while not re.search(rb"[A-Za-z]{3}", one.sent) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    assert re.search(rb"[A-Za-z]{3}", one.sent)
    assert b"\x1b[?1049h" not in one.sent and b"\x1b[?1000h" not in one.sent
