import json
import signal
import sys
import time
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

import psutil
import pyte
import pytest

from tarot_tui.tui.celldiff import CellDiff
from tarot_tui.tui.driver import SlimDriver, driver_class
from tarot_tui.tui.pen import change_of_style

APP = Path(__file__).with_name("scribble_app.py")


@pytest.fixture
def scribble(tmp_path, open_terminal):
    terminal = open_terminal([sys.executable, str(APP), str(tmp_path / "raw.jsonl")])
    terminal.recording = tmp_path / "raw.jsonl"
    terminal.wait_for("linked")
    return terminal


def recorded(terminal):
    return [json.loads(line) for line in terminal.recording.read_text("utf-8").splitlines()]


def drawn(terminal, writes, width, height):
    screen = pyte.Screen(width, height)
    stream = pyte.ByteStream(screen)
    for data in writes:
        stream.feed(terminal.clean(data.encode()))
    return terminal.cells(screen)


def test_every_frame_looks_the_same_as_from_the_stock_driver_and_costs_a_fraction(scribble):
    scribble.read()
    for key in "nnndnndbnnnnnn\tabc聖\x7f\x7f\x1b[Bnn":
        scribble.send(key)
        scribble.read(0.06)
    stock, slim = pyte.Screen(80, 24), pyte.Screen(80, 24)
    stock_stream, slim_stream = pyte.ByteStream(stock), pyte.ByteStream(slim)
    diff, sent, frames = CellDiff(80, 24), 0, 0
    writes = [data for _, _, data in recorded(scribble)]
    for data in writes:
        squeezed = diff.squeeze(data)
        stock_stream.feed(scribble.clean(data.encode()))
        slim_stream.feed(scribble.clean(squeezed.encode()))
        assert scribble.cells(slim) == scribble.cells(stock)
        if frames:
            assert (slim.cursor.x, slim.cursor.y) == (stock.cursor.x, stock.cursor.y)
        frames += len(data) > 100
        sent += len(squeezed)
    assert frames > 20
    assert sent < sum(map(len, writes)) / 3


def test_what_really_arrives_at_the_terminal_is_the_stock_picture_even_after_a_resize(scribble):
    scribble.read()
    scribble.send("nnn")
    scribble.read()
    scribble.resize(61, 20)
    scribble.read()
    scribble.send("ndn")
    scribble.read()
    after = [data for width, height, data in recorded(scribble) if (width, height) == (61, 20)]
    assert scribble.cells(scribble.screen) == drawn(scribble, after, 61, 20)


def test_suspending_and_coming_back_repaints_everything(scribble):
    scribble.read()
    scribble.send("nn")
    scribble.read()
    before = scribble.cells(scribble.screen)
    scribble.process.send_signal(signal.SIGTSTP)
    until = time.monotonic() + 60
    while psutil.Process(scribble.process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < until
        scribble.read(0.05, patience=0.2)
    scribble.screen.reset()
    scribble.process.send_signal(signal.SIGCONT)
    scribble.read(0.6)
    assert scribble.cells(scribble.screen) == before


def test_ctrl_l_draws_all_of_it_again_over_what_something_else_wrote(scribble):
    scribble.read()
    scribble.send("nn")
    scribble.read()
    before = scribble.cells(scribble.screen)
    scribble.scribble_over(b"\x1b[5;3HBroadcast message\x1b[1;1H")
    assert scribble.cells(scribble.screen) != before
    scribble.send("\x0c")
    scribble.read()
    assert scribble.cells(scribble.screen) == before


@pytest.fixture
def driver(monkeypatch):
    """A driver that has drawn something on nothing, and its clock."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr("tarot_tui.tui.driver.time", clock)
    driver = SlimDriver.__new__(SlimDriver)
    driver._lock, driver._outlet, driver._app = Lock(), None, SimpleNamespace(size=(9, 2))
    driver._diff, driver._forgotten, driver._synced = CellDiff(9, 2), False, clock.now
    driver.write("\x1b[1;1Hwords    \x1b[2;1Hmore     \x1b[1;1H")
    assert "words" in driver._take(None)
    return driver, clock


def test_now_and_then_all_is_sent_along_with_what_changed_and_never_by_itself(driver):
    driver, clock = driver
    clock.now += 400
    assert driver._take(None) == ""
    driver.write("\x1b[2;1Hless     \x1b[1;1H")
    assert "words" in driver._take(None)
    driver.write("\x1b[2;1Hmore     \x1b[1;1H")
    assert "words" not in driver._take(None)


def test_over_a_slow_link_it_is_not(driver):
    driver, clock = driver
    clock.now += 400
    driver.write("\x1b[2;1Hless     \x1b[1;1H")
    assert "words" not in driver._take(600)


def test_what_is_asked_to_be_drawn_again_is_drawn_again(driver):
    driver, _clock = driver
    driver.resync()
    assert "words" in driver._take(None)


def test_the_mouse_is_asked_for_drags_only_and_the_terminal_is_given_back(scribble):
    scribble.read()
    assert b"\x1b[?1002h" in scribble.raw and b"\x1b[?1003h" not in scribble.raw
    scribble.send("x")
    assert scribble.wait_end() == 0
    assert_given_back(scribble)


def test_a_terminated_app_gives_the_terminal_back(scribble):
    scribble.read()
    scribble.process.terminate()
    assert scribble.wait_end() == 143
    assert_given_back(scribble)


def test_a_crashing_app_gives_the_terminal_back(scribble):
    scribble.read()
    scribble.send("k")
    assert scribble.wait_end() == 1
    assert b"broken on purpose" in scribble.raw
    assert_given_back(scribble)


def test_a_terminal_that_is_gone_ends_the_app(scribble):
    scribble.hang_up()
    assert scribble.process.wait(60) == -signal.SIGHUP


def assert_given_back(terminal):
    for mode in (1049, 1002, 1000, 1004, 2004):
        on, off = terminal.raw.rfind(b"\x1b[?%dh" % mode), terminal.raw.rfind(b"\x1b[?%dl" % mode)
        assert 0 <= on < off, mode
    assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
    assert terminal.attributes() == terminal.attributes_before


def test_bytes_that_are_no_utf8_and_old_mouse_reports_neither_end_the_app_nor_press_keys(scribble):
    scribble.read()
    scribble.send(b"\x1b[M xx\x1b[M\x23\xe0\xf0\xff\xfe")  # read as keys, 'x' would quit
    scribble.read()
    assert scribble.process.poll() is None
    before = scribble.cells(scribble.screen)
    scribble.send("n")
    scribble.read()
    assert scribble.cells(scribble.screen) != before


def test_overwriting_half_of_a_wide_character_sends_its_other_half_again():
    diff = CellDiff(10, 2)
    diff.squeeze("\x1b[1;1H聖ab\x1b[1;1H")
    diff.squeeze("\x1b[1;2Hx\x1b[1;1H")  # the terminal has now lost the left half
    assert "聖" in diff.squeeze("\x1b[1;1H聖ab\x1b[1;1H")


def test_a_joined_emoji_is_sent_whole_and_the_cursor_placed_anew_behind_it():
    assert "👩‍👩‍👧\x1b[1;3Hx" in CellDiff(10, 2).squeeze("\x1b[1;1H👩‍👩‍👧x\x1b[1;1H")


def test_a_frame_that_changes_nothing_costs_no_byte():
    diff, frame = CellDiff(10, 2), "\x1b[1;1H\x1b[1;31mab\x1b[0mcd\n\x1b[2;1Hef\x1b[1;1H"
    diff.squeeze(frame)
    assert [diff.squeeze(data) for data in ("\x1b[?2026h", frame, "\x1b[?2026l")] == ["", "", ""]


def test_a_control_that_is_not_known_drops_the_shadow():
    diff, frame = CellDiff(10, 2), "\x1b[1;1Habcd\x1b[1;1H"
    diff.squeeze(frame)
    assert diff.squeeze("\x1b[2J") == "\x1b[2J"
    assert "abcd" in diff.squeeze(frame)


def test_the_stock_driver_can_be_asked_for(monkeypatch):
    monkeypatch.delenv("TEXTUAL_DRIVER", raising=False)
    assert driver_class() is SlimDriver
    monkeypatch.setenv("TAROT_TUI_DRIVER", "stock")
    assert driver_class() is None


def test_a_style_is_changed_by_what_differs_only():
    bold_red, red = "1;38;2;200;0;0;48;5;16", "38;2;200;0;0;48;5;16"
    assert change_of_style(None, red) == f"0;{red}"
    assert change_of_style(red, bold_red) == "1"
    assert change_of_style(bold_red, red) == f"0;{red}"
    assert change_of_style(red, "31;48;5;16") == "31"
    assert change_of_style(red, "38;2;200;0;0;100") == "100"
    assert change_of_style(red, "38;2;200;0;0") == "0;38;2;200;0;0"
    assert change_of_style(red, "") == ""
