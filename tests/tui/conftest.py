"""A terminal whose output pyte draws, and job folders as a supervisor would have left them."""

from __future__ import annotations

import asyncio
import fcntl
import glob
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from contextlib import suppress

import pyte
import pytest
from textual._wait import wait_for_idle

from tarot_tui.jobs import files, identity, spec

#: What pyte would print as text instead of ignoring.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[<>=][\d;:]*[a-zA-Z]|\x1b\[\??[\d;]*\$p|\x1b\[\?[\d;]*u"
)


#: Seconds between two looks at what a program sent, and at whether it is at work.
_TICK = 0.02


class Terminal:
    """Runs a command in a pty; ``raw`` is everything it sent, ``screen`` what that looks like now."""

    def __init__(self, argv, width=80, height=24, cwd=None, **environ):
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
            argv, stdin=slave, stdout=slave, stderr=slave, env=clean, cwd=cwd, start_new_session=True
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

    def read(self, seconds=0.3, patience=60.0):
        """Take output until the program has slept for ``seconds`` and sent nothing; returns what came.

        Time in which it computes, or waits for a processor on a busy machine, does not count.
        """
        before, slept, until = len(self.raw), 0.0, time.monotonic() + patience
        while slept < seconds and time.monotonic() < until:
            if select.select([self.master], [], [], _TICK)[0]:
                self._take()
                slept = 0.0
            elif not self.at_work():
                slept += _TICK
        return self.raw[before:]

    def at_work(self):
        """Whether one of its threads computes, waits for a processor or the disk, or is halted (see proc_pid_stat(5))."""
        for thread in glob.glob(f"/proc/{self.process.pid}/task/*/stat"):
            with suppress(OSError), open(thread) as file:
                if file.read().rpartition(") ")[2][0] in "RDT":
                    return True
        return False

    def wait_for(self, text, seconds=60.0):
        """Take output until ``text`` is on the screen."""
        until = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"{text!r} never came:\n{self.text()}")
            if select.select([self.master], [], [], 0.1)[0]:
                self._take()

    def text(self):
        """The screen as lines; a cell that a wide character covers holds nothing (pyte's own display stumbles there)."""
        rows, columns = range(self.screen.lines), range(self.screen.columns)
        lines = ("".join(self.screen.buffer[y][x].data for x in columns).rstrip() for y in rows)
        return "\n".join(lines).rstrip() + "\n"

    def _take(self):
        data = os.read(self.master, 65536)
        self.raw += data
        self._stream.feed(self.clean(data))

    def scribble_over(self, data):
        """As if something else wrote to the terminal."""
        self._stream.feed(data)

    def wait_end(self, seconds=60.0):
        """The exit status, once the program has ended and all of its output is taken."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.05, patience=1.0)
        self.read(0.1)
        return self.process.wait(0.1)

    def hang_up(self):
        """Close the line, as a lost connection does."""
        os.close(self.master)
        os.close(self._slave)
        self.master = None

    def close(self):
        """End the program, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master is not None:
            self.hang_up()

    @staticmethod
    def clean(data):
        """``data`` without the sequences that pyte cannot digest."""
        return _UNKNOWN_TO_PYTE.sub(b"", data)

    @staticmethod
    def cells(screen):
        """Every cell as a person sees it: character, colours, attributes; of a blank what shows without a character."""
        return [[_seen(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


def _seen(char):
    if char.data != " " or char.underscore or char.strikethrough or char.reverse:
        return char
    return char._replace(fg="default", bold=False, italics=False, blink=False)


@pytest.fixture
def open_terminal():
    """Starts a command in a :class:`Terminal`; ended after the test."""
    opened = []

    def start(argv, width=80, height=24, cwd=None, **environ):
        opened.append(Terminal(argv, width, height, cwd, **environ))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def cells_of():
    """Every cell of a pyte screen as a person sees it."""
    return Terminal.cells


class Job:
    """A job folder whose files a test writes as the supervisor and the worker would; this process plays both."""

    def __init__(self, project, kind, argv, **extra):
        self.folder = spec.create(project, kind, "deck", argv, {}, title="The deck", **extra)
        self.now = time.time()
        self.me = identity.of(os.getpid()).as_dict()

    def status(self, state, step=None, total=400, **more):
        found = {"state": state, "step": step, "total": total, "attempt": 1, "started": self.now - 100}
        found |= {"heartbeat": self.now, "supervisor": self.me, "worker": self.me} | more
        files.write_json(self.folder / files.STATUS, found)

    def losses(self, *losses, first=1):
        for step, loss in enumerate(losses, first):
            row = {"current_steps": step, "loss": loss, "lr": 1e-4, "epoch": step / 100, "grad_norm": 1.25}
            self._append(files.METRICS, json.dumps(row | {"throughput": 812.0}))

    def log(self, *lines):
        for line in lines:
            self._append(files.LOG, line)

    def hardware(self, *gpus, age=0.0):
        sample = {"time": time.time() - age, "cpu": 34.0, "ram_used": 12.1e9, "ram_total": 32e9}
        sample |= {"disk_free": 81e9, "rss": 3.2e9, "gpus": list(gpus)}
        self._append(files.HARDWARE, json.dumps(sample))

    def event(self, **event):
        self._append(files.EVENTS, json.dumps(event))

    def _append(self, name, line):
        with open(self.folder / name, "a", encoding="utf-8") as file:
            file.write(line + "\n")


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """A Pilot waits until nothing is left to do in the app, and not until it looks idle.

    Textual goes by the processor time that it used in the last moments, which is little on a busy machine, too.
    """

    async def wait(*seconds):
        await wait_for_idle(*seconds)
        loop, turns = asyncio.get_running_loop(), 0
        until = loop.time() + 30  # something may call itself for ever
        while turns < 5 and loop.time() < until:
            await asyncio.sleep(0)
            turns = 0 if loop._ready else turns + 1

    for place in ("textual.pilot", "textual.app"):
        monkeypatch.setattr(f"{place}.wait_for_idle", wait)


@pytest.fixture
def make_job(project):
    """Makes a :class:`Job` in the test's project."""

    def make(kind="train", argv=("true",), **extra):
        return Job(project, kind, list(argv), **extra)

    return make


@pytest.fixture
def colours(monkeypatch):
    """A terminal of 24-bit colours, whatever the tests run in."""
    for name in ("NO_COLOR", "COLORFGBG", "TAROT_TUI_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")


@pytest.fixture
def text_of():
    """What an app under a Pilot shows, as lines of text."""

    def read(app):
        return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())

    return read


@pytest.fixture
def until(text_of):
    """Waits until an app shows some text, or until a condition holds; fails with what it shows instead."""

    async def wait(pilot, wanted, seconds=60.0):
        holds = wanted if callable(wanted) else lambda: wanted in text_of(pilot.app)
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"{wanted!r} never came:\n{text_of(pilot.app)}"
            await pilot.pause(0.05)

    return wait
