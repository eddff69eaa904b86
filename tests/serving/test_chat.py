"""A model by its name: a release, a file, or what Ollama holds; and the commands that talk to it."""

from __future__ import annotations

import io
import json

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.serving.chat import open_chat
from tarot_tui.serving.sampling import option

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


def test_ollama_is_told_about_thinking_what_the_training_was_told(released, fake):
    fake.add("tarot:latest", system=SYSTEM)
    description = released.models / "tarot" / "release.json"
    facts = json.loads(description.read_text("utf-8"))
    for thinking in (None, False):
        facts["template"]["thinking"] = thinking
        description.write_text(json.dumps(facts), "utf-8")
        with open_chat(released, "tarot", host=fake.host) as chat:
            list(chat.send([{"role": "user", "content": "hi"}]))
        (asked,) = [body for _method, path, body in fake.requests if path == "/api/chat"]
        assert asked.get("think") is thinking
        fake.requests.clear()


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
    out, err = capsys.readouterr()
    assert "There is no /nonsense" in err and SYSTEM in out and out.count("2 tokens") == 2


def test_two_models_answer_one_after_the_other(released, fake, capsys):
    fake.add("tarot:latest")
    fake.add("other:latest")
    command = ["chat", "tarot", "--compare", "other", "--host", fake.host, "--prompt", "hi"]
    assert main(["--project", str(released.root), *command]) == 0
    out = capsys.readouterr().out
    assert out.index("[tarot]") < out.index("[other]") and out.count("The Fool means") == 2
    assert main(["--project", str(released.root), *command, "--json"]) == 0
    assert [one["model"] for one in json.loads(capsys.readouterr().out)] == ["tarot", "other"]


def test_a_blind_vote_hides_the_names_and_counts(released, fake, capsys, monkeypatch):
    fake.add("tarot:latest")
    fake.add("other:latest")
    monkeypatch.setattr("sys.stdin", io.StringIO("first?\na\nsecond?\nt\nthird?\n\n/quit\n"))
    command = ["chat", "tarot", "--compare", "other", "--blind", "--host", fake.host, "-q"]
    assert main(["--project", str(released.root), *command]) == 0
    out = capsys.readouterr().out
    assert "[A]" in out and "[B]" in out and "[tarot]" not in out
    votes = [json.loads(line) for line in (released.models / "votes.jsonl").read_text().splitlines()]
    assert [vote["question"] for vote in votes] == ["first?", "second?"]
    assert votes[0]["winner"] in ("tarot", "other") and votes[1]["winner"] is None


def test_a_conversation_becomes_a_training_sample(released, fake, capsys, monkeypatch):
    from tarot_tui.data.dataset import conversations

    fake.add("tarot:latest", system=SYSTEM)
    lines = "/save\nhi\n/save mine\n/again\n/save mine\n/set temperature 9\n/set temprature 0\n/quit\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["--project", str(released.root), "chat", "tarot", "--host", fake.host]) == 0
    out, err = capsys.readouterr()
    assert "no answer to save yet" in err and "now holds 2 conversations" in out
    assert "from 0 to 5" in err and "did you mean 'temperature'" in err
    expected = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "The Fool means beginnings."},
    ]
    assert conversations(released, "mine") == [expected, expected]


def test_a_dataset_of_another_kind_is_not_written_to(released):
    from tarot_tui.data import registry
    from tarot_tui.serving import transcript

    registry.register(released, "deck", registry.alpaca("deck.json", system=False))
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    with pytest.raises(BadInput, match="another kind"):
        transcript.save(released, "deck", said)
    with pytest.raises(BadInput, match="dataset"):
        transcript.save(released, "../deck", said)
    assert transcript.save(released, "mine", [*said, {"role": "user", "content": "unanswered"}]) == 1


def test_what_failed_leaves_no_trace_and_another_answer_takes_the_place_of_the_first(fake):
    from tarot_tui.errors import TarotError
    from tarot_tui.serving.dialogue import Dialogue

    fake.add("tarot:latest")
    with open_chat(None, "tarot", "ollama", fake.host) as chat:
        dialogue = Dialogue(chat, options={"temperature": 0})
        assert "".join(dialogue.ask("one?")) == "The Fool means beginnings."
        fake.answer = ["another", "\x1b[2J"]
        list(dialogue.again())
        assert [turn["content"] for turn in dialogue.turns] == ["one?", "another"]
        fake.cut_answer = True
        for failing in (lambda: dialogue.ask("two?"), dialogue.again):
            with pytest.raises(TarotError):
                list(failing())
            assert [turn["content"] for turn in dialogue.turns] == ["one?", "another"]


@pytest.mark.parametrize(
    "arguments", [["--blind"], ["--top-p", "2"], ["--seed", "x"], ["--temperature", "nan"]]
)
def test_settings_that_cannot_be_are_declined(released, capsys, arguments):
    assert main(["--project", str(released.root), "chat", "tarot", *arguments]) == 2
    assert capsys.readouterr().err.startswith("tarot-tui: ")


def test_what_a_too_long_conversation_is_told_to_set_can_be_set():
    assert option("num-ctx").parse("8192") == 8192
    with pytest.raises(BadInput, match="from 64 up"):
        option("num_ctx").parse("0")


def test_without_a_project_nothing_is_said_of_its_models(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    with pytest.raises(BadInput, match="there is no project here"):
        open_chat(None, "tarot")
