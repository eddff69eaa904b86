"""A model by its name: a release, a file, or what Ollama holds; and the commands that talk to it."""

from __future__ import annotations

import io
import json

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.serving.chat import open_chat

SYSTEM = "你是塔羅師。"


@pytest.fixture(autouse=True)
def no_ollama(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")


def test_a_release_is_served_here_with_its_trained_system_prompt(released):
    with open_chat(released, "tarot") as chat:
        assert chat.backend == "local" and chat.system == SYSTEM
        list(chat.send([{"role": "user", "content": "hi"}], num_predict=2, temperature=0))
        with_system = chat.stats.prompt_tokens
        list(chat.send([{"role": "system", "content": ""}, {"role": "user", "content": "hi"}], num_predict=2))
        # Without one the template puts its own default in, as it did for base models.
        assert chat.stats.prompt_tokens != with_system


def test_ollama_is_asked_when_it_holds_the_name(released, fake):
    fake.add("tarot:latest", system=SYSTEM)
    with open_chat(released, "tarot", host=fake.host) as chat:
        assert chat.backend == "ollama"
        assert "".join(chat.send([{"role": "user", "content": "hi"}]))


def test_local_is_local_even_if_ollama_holds_the_name(released, fake):
    fake.add("tarot:latest")
    assert open_chat(released, "tarot", "local", fake.host).backend == "local"


def test_a_file_needs_no_project(tiny_gguf):
    assert open_chat(None, str(tiny_gguf)).backend == "local"


def test_an_unknown_name_says_what_there_is(released):
    with pytest.raises(BadInput, match="'tarto'.*tarot"):
        open_chat(released, "tarto")


def test_what_ollama_lacks_is_said_with_the_command(released, fake):
    with pytest.raises(BadInput, match="ollama import tarot"):
        open_chat(released, "tarot", "ollama", fake.host)


def test_one_answer_goes_to_standard_output(released, capsys):
    command = ["--project", str(released.root), "chat", "tarot", "--temperature", "0", "--num-predict", "4"]
    assert main([*command, "--prompt", "hi"]) == 0
    plain = capsys.readouterr().out
    assert main([*command, "--prompt", "hi", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert plain.rstrip("\n") == found["answer"].rstrip("\n")
    assert (found["backend"], found["tokens"]) == ("local", 4)


def test_a_conversation_keeps_its_turns_and_obeys_its_commands(released, capsys, monkeypatch):
    lines = "hi\n\n/nonsense\n/system Be brief.\nhi\n/reset\n/quit\nnever asked\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["--project", str(released.root), "chat", "tarot", "--num-predict", "2"]) == 0
    out = capsys.readouterr().out
    assert "There is no /nonsense" in out and SYSTEM in out and out.count("2 tokens") == 2
