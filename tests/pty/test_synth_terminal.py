"""``data synth`` at a terminal: a typed key is not shown, rows leave only after a yes, a prompt is copied."""

from __future__ import annotations

import base64
import os
import pty
import sys
from contextlib import suppress

from fakes.chat import FakeChat

KEY = "secret-0123456789"


def test_a_typed_key_is_hidden_and_opens_the_server(project, terminal):
    (project.sources / "cards.csv").write_text("Card,Meaning\nFool,begin\n")
    (project.prompts / "p.yaml").write_text("writer: Write.\nper_row: 2\n")
    with FakeChat(key=KEY) as chat:
        arguments = ("data", "synth", "sources/cards.csv", "-o", "x", "--prompt", "p", "--model", "writer")
        one = terminal(*arguments, "--endpoint", chat.url, "--ask-key", cwd=project.root)
        one.wait_for("API key")
        one.type(f"{KEY}\n")
        assert KEY not in one.wait_for("2 samples of 1 rows in data/x.json")


def test_rows_stay_here_unless_somebody_says_yes(project, terminal):
    (project.sources / "cards.csv").write_text("Card,Meaning\nFool,begin\n")
    (project.prompts / "p.yaml").write_text("writer: Write.\n")
    arguments = ("data", "synth", "sources/cards.csv", "-o", "x", "--prompt", "p", "--model", "m")
    one = terminal(*arguments, "--endpoint", "https://llm.invalid", cwd=project.root)
    assert "This leaves this machine" in one.wait_for("Send the text of 1 rows to https://llm.invalid/v1?")
    one.type("n\n")
    assert one.process.wait(60) == 0 and not list(project.jobs.iterdir())


def test_a_prompt_is_copied_through_the_terminal():
    code = "from tarot_tui.cli.clipboard import copy; copy('愚者\\n' * 100)"
    child, master = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", code])
    said = b""
    with suppress(OSError):  # Linux's way to say that the other end is closed
        while piece := os.read(master, 65536):
            said += piece
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert said.startswith(b"\x1b]52;c;") and said.endswith(b"\x07")
    assert base64.b64decode(said[7:-1]).decode() == "愚者\n" * 100
