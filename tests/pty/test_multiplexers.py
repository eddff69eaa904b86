"""Inside real tmux and GNU screen: detached, attached again, resized, with the mouse; nothing is lost and nothing ends."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from tarot_tui.jobs import launch

COMMAND = [sys.executable, "-m", "tarot_tui"]


def _environment() -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TMUX", "STY", "COLORTERM")}
    return clean | {"TERM": "xterm-256color", "TAROT_TUI_LANG": "en", "LC_ALL": "C.UTF-8"}


class Tmux:
    """A server of our own with one window, and what its pane shows."""

    def __init__(self, command: str) -> None:
        self._name = f"tarot-{uuid.uuid4().hex[:8]}"
        self("new-session", "-d", "-s", "main", "-x", "100", "-y", "30", command)

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            env=_environment(),
        )
        return done.stdout

    def wait_for(self, text: str) -> str:
        """The pane once it shows ``text``."""
        return self.wait_until(lambda shown: text in shown, f"{text!r} never came")

    def wait_until(self, holds: Callable[[str], bool], otherwise: str) -> str:
        """The pane once ``holds`` is true of what it shows."""
        end = time.monotonic() + 60
        while not holds(shown := self("capture-pane", "-p", "-t", "main")):
            assert time.monotonic() < end, f"{otherwise}:\n{shown}"
            time.sleep(0.1)
        return shown

    def attach(self, terminal: Callable, project) -> object:
        """A client in a terminal of its own."""
        return terminal(
            "-L",
            self._name,
            "attach",
            "-t",
            "main",
            cwd=project.root,
            program=["tmux"],
            columns=100,
            lines=30,
        )

    def close(self) -> None:
        """End the server."""
        self("kill-server")


@pytest.fixture
def tmux(project, counting) -> Iterator[Tmux]:
    if not shutil.which("tmux"):
        pytest.skip("no tmux here")
    launch.start(counting)
    one = Tmux(f"cd {shlex.quote(str(project.root))} && exec {shlex.join([*COMMAND, 'watch', 'deck'])}")
    yield one
    one.close()


def test_it_goes_on_in_tmux_when_one_detaches_and_attaches_again_and_moves_the_mouse(tmux, terminal, project):
    tmux.wait_for("running")
    tmux("set-option", "-g", "mouse", "on")
    first = tmux.attach(terminal, project)
    first.wait_for("running")
    # A report of the kind that tmux passes on after an attach: three raw bytes, the column beyond ASCII.
    tmux("send-keys", "-t", "main", "-H", "1b", "5b", "4d", "23", "e0", "30")
    first.press("\x1b[<35;70;10M\x1b[<0;70;10M\x1b[<0;70;10m\x1b[<64;20;25M")
    tmux("detach-client", "-s", "main")
    assert first.process.wait(60) == 0
    second = tmux.attach(terminal, project)
    second.wait_for("running")
    second.press("\x1b[<35;71;11M\x1b[<65;20;25M")
    second.type("l")
    tmux.wait_for("running")
    tmux("send-keys", "-t", "main", "?")
    tmux.wait_for("Stop the run after")
    tmux("send-keys", "-t", "main", "q")
    tmux.wait_for("following")
    second.type("q")
    assert second.process.wait(60) == 0  # the last program of the session ended, and so does tmux


def test_what_tmux_shows_is_whole_after_every_change_of_size(tmux):
    tmux.wait_for("running")
    for width, height in ((40, 12), (300, 100), (1, 1), (80, 24), (100, 30)):
        tmux("resize-window", "-t", "main", "-x", str(width), "-y", str(height))
        time.sleep(0.3)
    tmux.wait_for("following")

    def is_whole(shown: str) -> bool:
        rows = shown.splitlines()
        return any("deck" in row and "running" in row for row in rows) and all(
            sum(once in row for row in rows) == 1 for once in ("q back", "Log ")
        )

    tmux.wait_until(is_whole, "it is not whole")


def test_it_goes_on_in_screen_when_one_detaches_and_attaches_again(
    project, counting, terminal, tmp_path, monkeypatch
):
    screen = shutil.which("screen")
    if not screen:
        pytest.skip("no GNU screen here")
    sockets = tmp_path / "sockets"
    sockets.mkdir(mode=0o700)
    monkeypatch.setenv("SCREENDIR", str(sockets))
    (tmp_path / "screenrc").write_text("startup_message off\ndefutf8 on\n")
    launch.start(counting)
    options = ("-c", str(tmp_path / "screenrc"), "-S", "deck")
    first = terminal(*options, *COMMAND, "watch", "deck", cwd=project.root, program=[screen])
    first.wait_for("running")
    subprocess.run([screen, "-S", "deck", "-d"], env=os.environ, stdout=subprocess.DEVNULL)
    first.process.wait(60)
    second = terminal("-r", "deck", cwd=project.root, program=[screen])
    for words in ("running", "q back", "deck"):
        second.wait_for(words)
    second.type("q")
    second.process.wait(60)
