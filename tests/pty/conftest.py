"""A terminal to run programs in: a real pseudo-terminal, with pyte to see what a person would see."""

from __future__ import annotations

import fcntl
import getpass
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyte
import pytest

from tarot_tui.jobs import spec, status
from tarot_tui.jobs.identity import is_alive
from tarot_tui.project import Project

# Private sequences (keyboard protocols, mode queries) that pyte would print as text.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b\[[<>=][\d;:]*[a-zA-Z]|\x1b\[\??[\d;]*\$p|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\\\)"
)


class Terminal:
    """One program on its own pseudo-terminal, as its session leader, as sshd would start it."""

    def __init__(
        self,
        argv: list[str],
        cwd: Path,
        columns: int = 100,
        lines: int = 30,
        environment: Mapping[str, str] | None = None,
        answer: Callable[[bytes, Any], Iterable[tuple[float, bytes]]] | None = None,
    ) -> None:
        """answer: given a piece of output and the screen with it on, what the terminal says to it, after how many seconds."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {
            **{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "TMUX")},
            "TERM": "xterm-256color",
            "TAROT_TUI_LANG": "en",
            **(environment or {}),
        }
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            # The pty becomes the controlling terminal, so that hanging up sends SIGHUP as it does over SSH.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._master: int | None = master
        #: Everything that came.
        self.sent = b""
        self._stalled = False
        self._answer = answer
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while (master := self._master) is not None:
            with suppress(OSError, ValueError):
                if not select.select([master], [], [], 0.1)[0]:
                    continue
                if self._stalled:
                    time.sleep(0.1)
                    continue
                data = os.read(master, 65536)
                self.sent += data
                # In pieces that end with a question: what is answered depends on what is on the screen by then.
                for piece in re.split(rb"(?<=\x1b\[6n)", data):
                    with self._lock:
                        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", piece))
                    for seconds, said in self._answer(piece, self._screen) if self._answer else ():
                        threading.Timer(seconds, self._say, [said]).start()
                continue
            return

    def _say(self, data: bytes) -> None:
        with suppress(OSError, TypeError):  # the line may be closed by now
            os.write(self._master, data)

    def screen(self) -> str:
        """What is on the screen now, as text."""
        # Not pyte's own ``display``, which stumbles over half a wide character.
        with self._lock:
            columns = range(self._screen.columns)
            lines = (
                "".join(self._screen.buffer[y][x].data for x in columns) for y in range(self._screen.lines)
            )
            return "\n".join(line.rstrip() for line in lines)

    def type(self, keys: str) -> None:
        """Press ``keys``, one after the other, as fast as a person would."""
        for key in keys:
            os.write(self._master, key.encode())
            time.sleep(0.05)

    def press(self, sequence: str) -> None:
        """Send one key that is an escape sequence."""
        os.write(self._master, sequence.encode())

    def press_bytes(self, data: bytes) -> None:
        """Send some bytes as they are."""
        os.write(self._master, data)

    def resize(self, columns: int, lines: int) -> None:
        """As if the window were dragged."""
        with self._lock:
            self._screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def stall(self) -> None:
        """Read nothing any more, as a connection that hangs."""
        self._stalled = True

    def cells(self) -> list[Any]:
        """Every cell: character, colours, attributes."""
        with self._lock:
            return [
                self._screen.buffer[y][x]
                for y in range(self._screen.lines)
                for x in range(self._screen.columns)
            ]

    def colours_sent(self) -> set[str]:
        """Which kinds of colour were asked for beyond the terminal's own 16: ``2`` for any, ``5`` for one of 256."""
        return {found.decode() for found in re.findall(rb"[;\[][34]8;([25]);", self.sent)}

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """The screen once it shows ``text``; fails with what it shows instead."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if text in (shown := self.screen()):
                return shown
            if self.process.poll() is not None and not select.select([self._master], [], [], 0.2)[0]:
                break
            time.sleep(0.05)
        pytest.fail(f"{text!r} did not appear within {seconds} s; the screen shows:\n{self.screen()}")

    def take_all(self) -> None:
        """Wait until all is taken that a program sent which has ended."""
        self._reader.join(60)

    def hang_up(self) -> None:
        """Close the line, as a dropped SSH connection does."""
        master, self._master = self._master, None
        self._reader.join(2)
        if master is not None:
            os.close(master)

    def close(self) -> None:
        """Hang up and make sure the program is gone."""
        self.hang_up()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()


#: Says how far it is until it is asked to stop.
COUNTER = """
import time
from tarot_tui.jobs import worker
for step in range(1, 10_000):
    if worker.stop_requested():
        worker.result("stopped")
        break
    worker.progress(step, None)
    print("step", step)
    time.sleep(0.05)
"""


@pytest.fixture
def counting(project: Project) -> Iterator[Path]:
    """A job called ``deck`` that is still to be started; nothing of it lives after the test."""
    folder = spec.create(project, "train", "deck", ["{python}", "-c", COUNTER], {})
    yield folder
    for who in (status.read(folder).supervisor, status.read(folder).worker):
        if is_alive(who):
            with suppress(ProcessLookupError):
                os.kill(who.pid, signal.SIGKILL)


@pytest.fixture
def goes_on() -> Callable[[Path, status.Status], status.Status]:
    """Waits until a job is further than it was, with the same supervisor and worker, and gives its status."""

    def wait(folder: Path, before: status.Status) -> status.Status:
        deadline = time.monotonic() + 60
        while not (status.read(folder).step or 0) > (before.step or 0) and time.monotonic() < deadline:
            time.sleep(0.1)
        after = status.read(folder)
        assert after.step > (before.step or 0)
        assert (after.worker, after.supervisor) == (before.worker, before.supervisor)
        assert is_alive(after.worker) and is_alive(after.supervisor)
        return after

    return wait


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts ``tarot-tui`` (or another program) with the given arguments in a terminal of its own; closed after the test."""
    opened: list[Terminal] = []

    def open_terminal(
        *arguments: str,
        cwd: Path,
        program: Sequence[str] = (sys.executable, "-m", "tarot_tui"),
        **options: Any,
    ) -> Terminal:
        opened.append(Terminal([*program, *arguments], cwd, **options))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


#: Of an sshd of our own.
SSHD = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
"""


@pytest.fixture
def login(tmp_path):
    """The command line of a client that may log in, as us, at a server of our own."""
    sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if not sshd or not shutil.which("ssh") or not shutil.which("ssh-keygen"):
        pytest.skip("no sshd here: install openssh-server and openssh-client")
    for name in ("host_key", "user_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = tmp_path / "sshd_config"
    settings.write_text(SSHD.format(port=port, folder=tmp_path))
    checked = subprocess.run([sshd, "-t", "-f", str(settings)], capture_output=True, text=True)
    if checked.returncode:
        pytest.skip(f"sshd cannot run here: {checked.stderr.strip()}")
    with open(tmp_path / "sshd.log", "wb") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", str(settings)], stderr=log)
    _wait_for_port(port)
    yield [
        "ssh", "-tt", "-F", "/dev/null", "-i", str(tmp_path / "user_key"), "-p", str(port),
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
        "-o", "IdentitiesOnly=yes", f"{getpass.getuser()}@127.0.0.1",
    ]  # fmt: skip
    server.terminate()
    server.wait(60)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("sshd does not answer")
