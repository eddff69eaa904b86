"""A key that is typed is not shown, and rows leave the machine only after a yes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

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
    assert one.process.wait(20) == 0 and not list(project.jobs.iterdir())
