"""A terminal with a stop-watch: what a program sends, when, how soon a key shows, and what it costs meanwhile.

The output is only recorded while the program runs and drawn (by pyte) afterwards, so that drawing costs it nothing.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyte

#: What a terminal is asked at the start, and what xterm would say.
_ANSWERS = (
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
)
#: What pyte would print as text instead of ignoring.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[<>=][\d;:]*[a-zA-Z]|\x1b\[\??[\d;]*\$p|\x1b\[\?[\d;]*u"
)
#: Variables that programs do not get: what says something about this terminal, and what keeps Python from storing
#: compiled modules, which an installed package has.
_LEFT_OUT = {"NO_COLOR", "COLUMNS", "LINES", "TMUX", "STY", "PYTHONDONTWRITEBYTECODE"}
#: Seconds without output after which a key has had its effect.
_SETTLED = 0.3


@dataclass(frozen=True)
class Idle:
    """What a program does while nobody does anything: bytes per second, share of a core, resident bytes."""

    rate: float
    cpu: float
    rss: int


@dataclass(frozen=True)
class Reaction:
    """How a key was answered: seconds until something changed on the screen and until the last of it; bytes sent."""

    change: float | None
    settled: float | None
    sent: int


class TimedTerminal:
    """Runs ``argv`` in a pseudo-terminal. ``slow``: bytes per second that the link takes; 0: any number."""

    def __init__(
        self,
        argv: Sequence[str],
        cwd: Path,
        width: int = 120,
        height: int = 40,
        slow: int = 0,
        **environ: str,
    ) -> None:
        self.width, self.height = width, height
        self._slow = slow
        self._chunks: list[tuple[float, bytes]] = []
        self._spent: list[float] = []  # seconds of a processor by the time of each
        clean = {k: v for k, v in os.environ.items() if k not in _LEFT_OUT}
        clean |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"} | environ
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            list(argv), cwd=cwd, stdin=slave, stdout=slave, stderr=slave, env=clean, start_new_session=True
        )
        os.close(slave)
        self._seen = psutil.Process(self.process.pid)
        self._over = False
        self._reader = threading.Thread(target=self._record, daemon=True)
        self._reader.start()

    def __enter__(self) -> TimedTerminal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _record(self) -> None:
        tail = b""
        while not self._over:
            with suppress(OSError):
                if not select.select([self._master], [], [], 0.2)[0]:
                    continue
                data = os.read(self._master, self._slow // 20 or 65536)
                self._spent.append(processor_time(self.process.pid))
                self._chunks.append((time.monotonic(), data))
                for question, answer in _ANSWERS:
                    for found in question.finditer(tail + data):
                        if found.end() > len(tail):
                            os.write(self._master, answer)
                tail = data[-24:]
                if self._slow:
                    time.sleep(len(data) / self._slow)
                continue
            return

    @property
    def sent(self) -> int:
        """Bytes so far."""
        return sum(len(data) for _at, data in self._chunks)

    def send(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_until_quiet(self, quiet: float = 0.7, most: float = 20.0) -> None:
        """Wait until there was output, and then none for so many seconds."""
        end = time.monotonic() + most
        while time.monotonic() < end:
            time.sleep(0.02)
            if self._chunks and time.monotonic() - self._chunks[-1][0] > quiet:
                return

    def wait_for(self, text: str, most: float = 30.0) -> float:
        """Seconds from the start until ``text`` was on the screen. Raises AssertionError when it never was."""
        return self.seen(text, most=most)[0]

    def seen(self, *words: str, most: float = 30.0) -> tuple[float, float]:
        """Seconds from the start until all ``words`` were on the screen at once, and those of a processor by then.

        Raises AssertionError when they never were.
        """
        screen, end = Screen(self.width, self.height), time.monotonic() + most
        drawn = 0
        while time.monotonic() < end:
            for at, data in self._chunks[drawn:]:
                screen.draw(data)
                drawn += 1
                if all(word in screen.text for word in words):
                    return at - self.began, self._spent[drawn - 1]
            time.sleep(0.02)
        raise AssertionError(f"{words} never came:\n{screen.text}")

    def first_paint(self) -> float:
        """Seconds from the start until the first visible character."""
        for at, screen in self._replay():
            if screen.text.strip():
                return at - self.began
        raise AssertionError("nothing was painted")

    def filled(self) -> float:
        """Seconds from the start until the picture changed last."""
        before, last = None, 0.0
        for at, screen in self._replay():
            if screen.picture != before:
                before, last = screen.picture, at - self.began
        return last

    def idle(self, seconds: float) -> Idle:
        """Watch it do nothing."""
        sent, cpu, began = self.sent, self._cpu(), time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        return Idle((self.sent - sent) / took, (self._cpu() - cpu) / took, self._seen.memory_info().rss)

    def _cpu(self) -> float:
        times = self._seen.cpu_times()
        return times.user + times.system

    def reactions(self, keys: Sequence[str], pause: float = 0.2) -> list[Reaction]:
        """Press one key after the other, each once the one before has had its effect."""
        pressed: list[tuple[float, int, int]] = []
        for key in keys:
            time.sleep(pause)
            at, first = time.monotonic(), len(self._chunks)
            self.send(key)
            while time.monotonic() - at < 8.0:
                time.sleep(0.003)
                last = self._chunks[-1][0] if len(self._chunks) > first else at + 0.7
                if time.monotonic() - last > _SETTLED:
                    break
            pressed.append((at, first, len(self._chunks)))
        return list(self._judge(pressed))

    def _judge(self, pressed: list[tuple[float, int, int]]) -> Iterator[Reaction]:
        screen, drawn = Screen(self.width, self.height), 0
        for at, first, last in pressed:
            for _at, data in self._chunks[drawn:first]:
                screen.draw(data)
            before, changes = screen.picture, []
            for when, data in self._chunks[first:last]:
                screen.draw(data)
                if screen.picture != before:
                    before = screen.picture
                    changes.append(when - at)
            drawn = last
            sent = sum(len(data) for _at, data in self._chunks[first:last])
            yield Reaction(changes[0] if changes else None, changes[-1] if changes else None, sent)

    def _replay(self) -> Iterator[tuple[float, Screen]]:
        screen = Screen(self.width, self.height)
        for at, data in list(self._chunks):
            screen.draw(data)
            yield at, screen

    def text(self) -> str:
        """What is on the screen now."""
        screen = Screen(self.width, self.height)
        for _at, data in list(self._chunks):
            screen.draw(data)
        return screen.text

    def close(self) -> None:
        """End the program, whatever it does."""
        if self._over:
            return
        self._over = True
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(1)
        os.close(self._master)


def processor_time(pid: int) -> float:
    """Seconds that the process has computed, to the microsecond; 0 when it is gone."""
    with suppress(OSError):
        threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
    return 0.0


class Screen:
    """What pyte makes of the output."""

    def __init__(self, width: int, height: int) -> None:
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)

    def draw(self, data: bytes) -> None:
        """Take some output."""
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))

    @property
    def text(self) -> str:
        """Every line."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def picture(self) -> int:
        """Changes when any cell does."""
        rows = (tuple(sorted(self._screen.buffer[y].items())) for y in range(self._screen.lines))
        return hash(tuple(rows))


def median(values: Sequence[float | None]) -> float:
    """The median of those that are numbers."""
    return statistics.median(value for value in values if value is not None)
