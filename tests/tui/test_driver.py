import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pyte
import pytest

from tarot_tui.tui.celldiff import CellDiff
from tarot_tui.tui.driver import SlimDriver, driver_class

APP = Path(__file__).with_name("scribble_app.py")
#: What pyte would print as text instead of ignoring.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[<>=][\d;:]*[a-zA-Z]|\x1b\[\??[\d;]*\$p|\x1b\[\?[\d;]*u"
)


def cells(screen):
    """Every cell as pyte sees it: character, colours, attributes."""
    return [[screen.buffer[y][x] for x in range(screen.columns)] for y in range(screen.lines)]


class Terminal:
    """Runs a command in a pty; ``raw`` is everything it sent, ``screen`` what that looks like now."""

    def __init__(self, argv, width=80, height=24, **environ):
        self.raw = b""
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        self._slave = slave  # kept open, so that the attributes can be read after the program has ended
        self.attributes_before = termios.tcgetattr(slave)
        self.resize(width, height)
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "TMUX")}
        clean |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"} | environ
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=clean, start_new_session=True
        )

    def resize(self, width, height):
        """As if the window were dragged."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)
        if hasattr(self, "process"):
            os.kill(self.process.pid, 28)  # SIGWINCH: the program is no child of this terminal's session

    def attributes(self):
        """The terminal's settings now."""
        return termios.tcgetattr(self._slave)

    def send(self, keys):
        """Press keys."""
        os.write(self.master, keys if isinstance(keys, bytes) else keys.encode())

    def read(self, seconds=0.3):
        """Take output until it has been quiet for ``seconds``; returns what came."""
        before = len(self.raw)
        while select.select([self.master], [], [], seconds)[0]:
            self._take()
        return self.raw[before:]

    def wait_for(self, text, seconds=20.0):
        """Take output until ``text`` is on the screen."""
        until = time.monotonic() + seconds
        while not any(text in line for line in self.screen.display):
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"{text!r} never came:\n" + "\n".join(self.screen.display))
            if select.select([self.master], [], [], 0.1)[0]:
                self._take()

    def _take(self):
        data = os.read(self.master, 65536)
        self.raw += data
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))

    def wait_end(self, seconds=10.0):
        """The exit status, once the program has ended and all of its output is taken."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.05)
        self.read(0.1)
        return self.process.wait(0.1)

    def close(self):
        """End the program, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)


def clean(data):
    """``data`` without the sequences that pyte cannot digest."""
    return _UNKNOWN_TO_PYTE.sub(b"", data)


@pytest.fixture
def scribble(tmp_path):
    terminal = Terminal([sys.executable, str(APP), str(tmp_path / "raw.jsonl")], 80, 24)
    terminal.recording = tmp_path / "raw.jsonl"
    try:
        terminal.wait_for("linked")
        yield terminal
    finally:
        terminal.close()


def recorded(terminal):
    return [json.loads(line) for line in terminal.recording.read_text("utf-8").splitlines()]


def drawn(writes, width=80, height=24):
    screen = pyte.Screen(width, height)
    stream = pyte.ByteStream(screen)
    for data in writes:
        stream.feed(clean(data.encode()))
    return screen


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
        stock_stream.feed(clean(data.encode()))
        slim_stream.feed(clean(squeezed.encode()))
        assert cells(slim) == cells(stock)
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
    assert cells(scribble.screen) == cells(drawn(after, 61, 20))


def test_suspending_and_coming_back_repaints_everything(scribble):
    scribble.read()
    scribble.send("nn")
    scribble.read()
    before = cells(scribble.screen)
    scribble.process.send_signal(signal.SIGTSTP)
    scribble.read()
    scribble.screen.reset()
    scribble.process.send_signal(signal.SIGCONT)
    scribble.read(0.6)
    assert cells(scribble.screen) == before


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
    before = cells(scribble.screen)
    scribble.send("n")
    scribble.read()
    assert cells(scribble.screen) != before


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
