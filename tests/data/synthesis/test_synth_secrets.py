"""A key reaches the server and nothing else: no file, no command line, no log."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil
import pytest

from tarot_tui.data.synthesis import key, launch
from tarot_tui.data.synthesis.key import KeySource
from tarot_tui.errors import BadInput, Refused
from tarot_tui.jobs import control, files

KEY = "sk-very-secret-0123456789abcdef"


@pytest.fixture
def nowhere_written(project):
    """After the test, no file of the project holds the key."""
    yield
    found = [path for path in project.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert not found


def test_a_key_out_of_the_environment_is_used_and_written_nowhere(
    project, jobs, request_for, chat, monkeypatch, nowhere_written
):
    chat.key = KEY
    monkeypatch.setenv("MY_KEY", KEY)
    folder, ended = jobs.run(request_for(key=KeySource("env", "MY_KEY")))
    assert ended.state == "finished"
    assert "MY_KEY" in (folder / files.SPEC).read_text()


def test_a_typed_key_reaches_the_worker_and_is_on_no_command_line(
    project, jobs, request_for, chat, until, nowhere_written
):
    chat.key, chat.hold = KEY, threading.Event()
    folder = jobs.start(request_for(key=KeySource("typed")), typed_key=f" {KEY}\n")
    until(lambda: chat.requests)
    lines = [Path(f"/proc/{process.pid}/cmdline") for process in psutil.process_iter()]
    assert not any(KEY.encode() in line.read_bytes() for line in lines if line.exists())
    assert key.VARIABLE not in os.environ
    chat.hold.set()
    assert jobs.ended(folder).state == "finished"


def test_a_typed_key_is_asked_for_again_and_not_kept_for_a_resume(jobs, request_for, chat, nowhere_written):
    chat.key = "another"
    folder, ended = jobs.run(request_for(key=KeySource("typed")), typed_key=KEY)
    # The server says the key again in its complaint; we do not.
    assert ended.state == "failed" and "wants another key" in ended.reason
    chat.key = KEY
    control.resume(folder)
    ended = jobs.ended(folder)
    assert (ended.state, ended.exit_code) == ("failed", 3) and "data synth --resume" in ended.reason
    with pytest.raises(BadInput, match="no key"):
        launch.resume(folder, "")
    launch.resume(folder, KEY)
    assert jobs.ended(folder).state == "finished"


def test_a_key_file_must_be_its_owners_only(tmp_path, jobs, request_for, chat, nowhere_written):
    chat.key = KEY
    path = tmp_path / "key.txt"
    path.write_text(KEY + "\n")
    path.chmod(0o640)
    request = request_for(key=KeySource("file", str(path)))
    with pytest.raises(Refused, match="chmod 600"):
        jobs.start(request)
    path.chmod(0o600)
    assert jobs.run(request)[1].state == "finished"


def test_a_key_that_is_not_there_is_said_before_anything_starts(project, jobs, request_for, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(BadInput, match="MY_KEY is not set"):
        jobs.start(request_for(key=KeySource("env", "MY_KEY")))
    with pytest.raises(BadInput, match="cannot be read"):
        jobs.start(request_for(key=KeySource("file", "/nowhere/key")))
    assert not list(project.jobs.iterdir())


def test_openais_variable_is_used_for_openai_and_for_nobody_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert key.usual("https://api.openai.com/v1") == KeySource("env", "OPENAI_API_KEY")
    assert key.usual("https://api.openai.com.evil.example/v1") == KeySource()
