"""``tarot-tui data synth`` from the shell: what it says before it sends anything, and by hand with paste."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tarot_tui.data import dataset


@pytest.fixture
def synth(tarot, cards, prompt_file, chat):
    """The command with sources, name and prompt; ``at=chat`` names the server."""

    def run(*arguments, at=None):
        server = ["--endpoint", at.url, "--model", "writer"] if at else []
        return tarot("synth", cards, "-o", "reader", "--prompt", "reader", *server, *arguments)

    return run


def test_an_estimate_says_what_it_takes_and_sends_nothing(synth, chat, project):
    code, out, err = synth("--estimate", "--price-in", "1", "--price-out", "2", at=chat)
    assert (code, err) == (0, "") and not chat.requests
    assert "8 rows to ask about" in out and "at most 2400 come back" in out and "Cost: at most 0.00" in out
    assert "Nothing leaves this machine" in out and "Card: Fool\nMeaning: what Fool stands for" in out
    assert not (project.data / "reader.synth").exists() and not list(project.jobs.iterdir())


def test_an_estimate_for_scripts_is_one_object(synth, chat):
    code, out, _err = synth("--estimate", "--json", "--rows", "2-3", at=chat)
    found = json.loads(out)
    assert code == 0 and found["rows"] == 2 and found["stays_here"] and found["cost_most"] is None
    assert found["example"][1]["content"].startswith("Card: Magician")


def test_it_asks_follows_and_says_what_came_of_it(synth, chat, project):
    code, out, _err = synth(at=chat)
    assert code == 0 and "16 samples of 8 rows in data/reader.json" in out and "800 tokens sent" in out
    code, out, _err = synth("--json", at=chat)
    assert json.loads(out)["samples"] == 16 and len(chat.requests) == 8
    code, out, _err = synth("--json", "--anew", "--rows", "1", at=chat)
    assert len(chat.requests) == 9 and json.loads(out)["samples"] == 16
    assert (project.data / "reader.synth" / "forgotten.jsonl").read_text().count("\n") == 1


def test_rows_leave_the_machine_only_after_a_yes(synth, project):
    code, _out, err = synth("--endpoint", "https://llm.example/v1", "--model", "m", "--quiet")
    assert code == 3 and "Send the text of 8 rows to https://llm.example/v1?" in err and "--yes" in err
    assert not list(project.jobs.iterdir())


def test_answers_to_another_prompt_are_not_lost_and_it_says_where_they_are(
    synth, chat, prompt_file, project, request_for, asked
):
    asked(request_for())
    text = prompt_file.read_text()
    prompt_file.write_text(text.replace("two questions", "two long questions"))
    code, out, _err = synth("--estimate", "--rows", "1", at=chat)
    assert code == 0 and "8 rows are answered to another prompt" in out and "data/reader.synth" in out
    asked(request_for(last=1))
    assert len(dataset.load(project, "reader")) == 2
    prompt_file.write_text(text)
    assert asked(request_for())["samples"] == 16 and len(chat.requests) == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "http://192.168.0.7:8000", "--model", "m"], "This leaves this machine"),
        (["--endpoint", "http://192.168.0.7:8000", "--model", "m"], "not encrypted"),
        (["--endpoint", "ollama", "--model", "gpt-oss:120b-cloud"], "This leaves this machine"),
        (["--endpoint", "ollama", "--model", "qwen3:8b"], "Nothing leaves this machine"),
    ],
)
def test_it_says_plainly_whether_rows_leave_the_machine(synth, arguments, words, monkeypatch):
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    code, out, _err = synth("--estimate", *arguments)
    assert code == 0 and words in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--endpoint URL and --model NAME"),
        (["--endpoint", "ftp://x", "--model", "m"], "is no endpoint"),
        (["--endpoint", "https://u:p@x/v1", "--model", "m"], "Leave user, password and key out"),
        (["--endpoint", "ollama", "--model", "m", "--max-cost", "1"], "--max-cost needs prices"),
        (["--endpoint", "ollama", "--model", "m", "--price-in", "1"], "go together"),
        (["--endpoint", "ollama", "--model", "m", "--rows", "0-3"], "--rows 0-3"),
        (["--endpoint", "ollama", "--model", "m", "--rows", "90-"], "there are 8 rows"),
        (["--endpoint", "ollama", "--model", "m", "--concurrency", "0"], "--concurrency must be"),
        (["--endpoint", "ollama", "--model", "m", "--per-row", "0"], "'per_row'"),
        (["--endpoint", "ollama", "--model", "m", "--ask-key"], "at a terminal"),
        (["--endpoint", "ollama", "--model", "m", "--key-env", "sk-abc"], "never the key itself"),
        (["--resume"], "no runs"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_starts_nothing(synth, project, arguments, words):
    code, _out, err = synth(*arguments)
    assert code == 2 and words in err and err.count("\n") == 1
    assert not list(project.jobs.iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("writer: x\nrow: '{Crad}'", "no column 'Crad' in cards.csv (did you mean 'Card'?)"),
        ("row: '{Card}'", "'writer' is missing"),
        ("writer: x\nwirter: y", "unknown key 'wirter'"),
        ("writer: x\nrow: '{Card'", "'row' has a brace"),
        ("writer: x\nlayout: csv", "'layout'"),
        ("writer: x\nper_row: many", "'per_row'"),
    ],
)
def test_a_wrong_prompt_file_is_told_with_its_key(synth, chat, prompt_file, text, words):
    prompt_file.write_text(text)
    code, _out, err = synth("--estimate", at=chat)
    assert code == 2 and words in err


def pasted(prompt: str, *, answer="advice") -> list[dict]:
    marks = [line[4:] for line in prompt.splitlines() if line.startswith("### ")]
    return [{"row": mark, "question": f"{mark}?", "answer": f"{answer} {mark}"} for mark in marks]


def test_by_hand_a_prompt_goes_out_and_what_comes_back_is_the_dataset(synth, written, project, lines):
    code, out, err = synth("--clipboard-prompt", "-n", "3")
    assert (
        code == 0 and "3 rows, 5 more to come" in err and "Card: Fool" in out and "Card: Emperor" not in out
    )
    back = "好的：\n```json\n" + json.dumps(pasted(out))[:-1] + ",]\n```\n"
    code, said, _err = synth("--paste", written("back.txt", back.encode("utf-16")), "--model", "some chat")
    assert code == 0 and "mended" in said and "3 pairs of 3 rows taken; 5 rows are still" in said
    trace = lines(project.data / "reader.synth" / "trace.jsonl")
    assert [(line["row"], line["model"], line["job"]) for line in trace] == [
        (n, "some chat", "") for n in (1, 2, 3)
    ]
    code, out, _err = synth("--clipboard-prompt", "--json")
    found = json.loads(out)
    assert (found["rows"], found["left"]) == (5, 0) and "Card: Emperor" in found["prompt"]
    assert synth("--paste", written("more.json", json.dumps(pasted(found["prompt"]))))[0] == 0
    assert len(dataset.load(project, "reader")) == 8
    assert synth("--clipboard-prompt")[0] == 2


def test_a_paste_from_the_keyboard_is_read_to_its_end(synth, monkeypatch, project):
    _code, out, _err = synth("--clipboard-prompt")
    text = json.dumps(pasted(out), ensure_ascii=False).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert synth("--paste", "-")[0] == 0 and len(dataset.load(project, "reader")) == 8


def test_a_paste_that_is_cut_off_keeps_what_is_whole_and_says_so(synth, written, project):
    _code, out, _err = synth("--clipboard-prompt")
    code, said, _err = synth("--paste", written("back.txt", json.dumps(pasted(out))[:-30]))
    assert code == 0 and "Its end is missing" in said and "1 rows are still" in said
    assert len(dataset.load(project, "reader")) == 7


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda found: found[0].pop("row"), 'sample 1 does not say its "row"'),
        (
            lambda found: found[1].update(row="2-0000"),
            "sample 2 belongs to the row '2-0000', which is not among",
        ),
        (lambda found: found.append("x"), "sample 9 is no object"),
    ],
)
def test_a_paste_that_belongs_to_no_row_changes_nothing(synth, written, project, spoil, words):
    _code, out, _err = synth("--clipboard-prompt")
    found = pasted(out)
    spoil(found)
    code, _out, err = synth("--paste", written("back.json", json.dumps(found)))
    assert code == 2 and words in err and not (project.data / "reader.json").exists()


def test_a_row_that_changed_after_the_prompt_was_copied_is_noticed(synth, written, cards):
    _code, out, _err = synth("--clipboard-prompt")
    cards.write_text(cards.read_text().replace("what Fool stands for", "something else"))
    code, _out, err = synth("--paste", written("back.json", json.dumps(pasted(out))))
    assert code == 2 and "sample 1 belongs to the row '1-" in err


def test_a_paste_full_of_refusals_is_kept_aside_and_is_no_dataset(synth, written, project):
    _code, out, _err = synth("--clipboard-prompt", "-n", "1")
    found = [{**one, "answer": "As an AI, I cannot."} for one in pasted(out)]
    code, _out, err = synth("--paste", written("back.json", json.dumps(found)))
    assert code == 1 and "refuses or speaks of itself as an AI" in err
    assert not (project.data / "reader.json").exists()
    assert (project.data / "reader.synth" / "rejects.jsonl").read_text().count("\n") == 1


def test_a_dataset_of_somebody_elses_is_not_written_over(synth, chat, project, registered):
    registered("reader", [{"instruction": "a", "output": "b"}])
    code, _out, err = synth(at=chat)
    assert code == 2 and "--replace" in err and not chat.requests
    assert synth("--replace", at=chat)[0] == 0 and len(dataset.load(project, "reader")) == 16


def test_the_shipped_prompts_fit_the_shipped_deck(tmp_path, capsys):
    from tarot_tui.cli import main
    from tarot_tui.project import create

    project = create(tmp_path / "example", example=True)
    for name, persona in (("tarot-reader-zh", "塔羅牌師"), ("tarot-reader-en", "tarot reader")):
        for layout in ("alpaca", "openai"):
            capsys.readouterr()
            code = main(
                ["data", "synth", str(project.sources), "-o", "reader", "--prompt", name, "--layout", layout,
                 "--endpoint", "ollama", "--model", "m", "--estimate", "--json", "--project", str(project.root)]
            )  # fmt: skip
            found = json.loads(capsys.readouterr().out)
            assert any("占卜問答.csv: left out" in one["text"] for one in found["findings"])
            assert code == 0 and found["rows"] == 78 and persona in found["example"][0]["content"]
