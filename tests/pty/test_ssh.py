"""Over a real sshd on the loopback: the client is killed in the middle of a run, and a new login finds it going on."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path

import psutil

from tarot_tui.jobs import status


def _followers(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if {"tarot_tui", "deck", "--follow"} <= set(process.info["cmdline"] or ())
        and process.info["cwd"] == str(folder)
    ]


def test_a_client_is_killed_in_the_middle_of_a_run_and_a_new_login_attaches(
    project, counting, terminal, login, goes_on
):
    def typed(*words: str) -> str:
        place = shlex.quote(str(project.root))
        return (
            f"cd {place} && TAROT_TUI_LANG=en exec {shlex.join([sys.executable, '-m', 'tarot_tui', *words])}"
        )

    first = terminal(typed("resume", "deck", "--follow"), cwd=project.root, program=login)
    first.wait_for("step 5")
    before = status.read(counting)
    followers = _followers(project.root)
    assert followers
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    assert not psutil.wait_procs(followers, timeout=60)[1], "sshd did not hang up its terminal"
    goes_on(counting, before)

    second = terminal(typed("watch", "deck", "--once"), cwd=project.root, program=login)
    second.wait_for("running")
    third = terminal(typed("resume", "deck"), cwd=project.root, program=login)
    third.wait_for("already running")
    fourth = terminal(typed("stop", "deck", "--wait"), cwd=project.root, program=login)
    fourth.wait_for("deck is stopped")
