"""A pid alone names nobody."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tarot_tui.jobs import identity


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_recognised_and_survives_json(sleeper):
    who = identity.of(sleeper.pid)
    assert identity.is_alive(who)
    assert identity.from_dict(who.as_dict()) == who


def test_a_recycled_pid_is_somebody_else_and_is_never_signalled(sleeper):
    earlier = dataclasses.replace(
        identity.of(sleeper.pid), start_time=identity.of(sleeper.pid).start_time - 1
    )
    assert identity.is_alive(earlier) is False
    assert not identity.send_signal(earlier, signal.SIGKILL)
    assert not identity.send_signal(earlier, signal.SIGKILL, group=True)
    assert sleeper.poll() is None


def test_the_right_process_is_signalled(sleeper):
    assert identity.send_signal(identity.of(sleeper.pid), signal.SIGTERM, group=True)
    assert sleeper.wait(60) == -signal.SIGTERM


def test_a_zombie_is_dead(sleeper, wait_until):
    who = identity.of(sleeper.pid)
    os.kill(sleeper.pid, signal.SIGKILL)
    wait_until(lambda: identity.is_alive(who) is False)
    assert os.path.exists(f"/proc/{sleeper.pid}")
    assert not identity.send_signal(who, signal.SIGTERM)


def test_a_pid_of_another_machine_or_container_means_nothing_here(sleeper):
    who = identity.of(sleeper.pid)
    assert identity.is_alive(dataclasses.replace(who, boot_id="other", host="other")) is None
    assert identity.is_alive(dataclasses.replace(who, namespace="pid:[1]")) is None


def test_nothing_survives_a_restart_of_the_machine(sleeper):
    before = dataclasses.replace(identity.of(sleeper.pid), boot_id="the boot before")
    assert identity.is_alive(before) is False
    assert identity.rebooted_since(before)


def test_a_process_name_with_parentheses_and_spaces_is_read_right(tmp_path, wait_until):
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([odd, "60"])
    try:
        wait_until(lambda: "(a) R 1 (b)" in Path(f"/proc/{process.pid}/stat").read_text())
        assert identity.is_alive(identity.of(process.pid))
        assert identity.of(process.pid).start_time >= identity.of(os.getpid()).start_time
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("damaged", [None, {}, [], {"pid": "x"}, {"pid": 1, "start_time": None}])
def test_a_damaged_identity_is_nobody(damaged):
    assert identity.from_dict(damaged) is None
    assert identity.is_alive(None) is False
