"""Over a real sshd on the loopback: the client is killed in the middle of a run, and a new login finds it going on."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tarot_tui.jobs import status

CONFIGURATION = """
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
    settings.write_text(CONFIGURATION.format(port=port, folder=tmp_path))
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
