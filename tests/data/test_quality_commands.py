"""check, show, edit, drop and undo as they are typed."""

from __future__ import annotations

import json
import sys

import pytest

from tarot_tui.data import dataset

DECK = [
    {"instruction": "愚者？", "input": "", "output": "新的開始。"},
    {"instruction": "魔術師？", "input": "", "output": ""},
    {"instruction": "月亮？", "input": "", "output": "夢\u200b與恐懼。"},
    {"instruction": "太陽？", "input": "", "output": "喜悅，寫信給 a.wang@gmail.com"},
]


@pytest.fixture
def deck_file(project, registered):
    registered("deck", DECK)
    return project.data / "deck.json"


def answers(project):
    return [sample["output"] for sample in dataset.samples(project, "deck")]


def test_check_tells_what_is_wrong_where_and_how_to_fix_it(deck_file, tarot):
    code, out, _err = tarot("check", "deck")
    assert code == 0
    for line in (
        "4 samples",
        "empty question",
        "samples 2",
        "data check deck --fix empty",
        "U+200B",
        "[e-mail] a.w…",
    ):
        assert line in out
    assert "a.wang@gmail.com" not in out


def test_check_in_json_has_every_number(deck_file, tarot):
    report = json.loads(tarot("check", "deck", "--json")[1])
    assert (report["samples"], report["lengths"], report["fixed"]) == (4, None, [])
    assert {one["id"]: one["samples"] for one in report["findings"]} == {
        "data.empty": [2], "data.invisible": [3], "data.personal": [4],
    }  # fmt: skip


def test_fixing_keeps_the_file_and_can_be_undone(project, deck_file, tarot):
    before = deck_file.read_bytes()
    code, out, _err = tarot("check", "deck", "--fix")
    assert code == 0 and "empty: dropped 1 samples of deck (change 2)." in out
    assert "1 dropped, 1 edited" in out and "data.empty" not in out
    assert answers(project) == ["新的開始。", "夢與恐懼。", "喜悅，寫信給 a.wang@gmail.com"]
    done = json.loads(tarot("check", "deck", "--fix", "personal", "--json")[1])["fixed"]
    assert done == [{"id": "data.personal", "dataset": "deck", "samples": 1, "dropped": False, "change": 3}]
    assert answers(project)[-1] == "喜悅，寫信給 [e-mail]"
    for number in (4, 2, 3):
        assert f"samples {number}." in tarot("undo", "deck")[1]
    assert "nothing to take back" in tarot("undo", "deck")[1]
    assert deck_file.read_bytes() == before and len(answers(project)) == 4


def test_a_dataset_that_training_would_refuse_ends_with_1(registered, tarot):
    registered("bad", [DECK[0], {"instruction": "a", "output": None}])
    code, out, _err = tarot("check", "bad")
    assert code == 1 and "cannot be read" in out
    assert tarot("check", "bad", "--fix")[0] == 1
    assert tarot("check", "bad", "--fix", "broken")[0] == 0


@pytest.mark.slow
def test_check_counts_the_tokens_of_a_model(deck_file, tarot, smollm2):
    code, out, _err = tarot("check", "deck", "--model", smollm2, "--cutoff-len", "50")
    assert code == 0
    assert "of 100 up to" in out and "learned: " in out and "cut at 50" in out and "fix: cutoff_len: " in out
    lengths = json.loads(tarot("check", "deck", "--model", smollm2, "--json")[1])["lengths"]
    assert lengths["samples"] == 4 and sum(count for _bound, count in lengths["histogram"]) == 4


@pytest.mark.slow
def test_show_as_trained_marks_what_is_learned(deck_file, tarot, smollm2):
    _code, out, _err = tarot("show", "deck", 1, "--as-trained", "--model", smollm2)
    assert "<|im_start|>user\n愚者？<|im_end|>" in out and "⟦新的開始。<|im_end|>⟧" in out
    (shown,) = json.loads(tarot("show", "deck", 1, "--as-trained", "--model", smollm2, "--json")[1])
    assert ["learned", "新的開始。<|im_end|>"] in shown["view"]["parts"]


def test_show_finds_samples_by_number_and_by_words(deck_file, tarot):
    tarot("drop", "deck", 1)
    _code, out, _err = tarot("show", "deck", 3, 1)
    assert out.index("[3]") < out.index("[1]  dropped")
    assert [
        one["number"] for one in json.loads(tarot("show", "deck", "--find", "？", "-n", 2, "--json")[1])
    ] == [1, 2]
    assert "No sample says 'nowhere'" in tarot("show", "deck", "--find", "nowhere")[1]
    assert "[2]" in tarot("show", "deck", "-n", 1)[1]
    assert tarot("show", "deck", 9)[0] == 2
    assert tarot("show", "deck", 1, "--as-trained")[0] == 2


def test_show_lists_what_was_changed(deck_file, tarot):
    assert "No sample was changed" in tarot("show", "deck", "--changed")[1]
    tarot("drop", "deck", 4)
    tarot("edit", "deck", 2, "--set", "output=力量")
    found = json.loads(tarot("show", "deck", "--changed", "--json")[1])
    assert [(one["number"], one["state"]) for one in found] == [(2, "edited"), (4, "dropped")]


def test_drop_leaves_samples_out_and_back_gives_them_back(project, deck_file, tarot):
    assert tarot("drop", "deck", 1, 3)[0] == 0
    assert len(answers(project)) == 2
    assert tarot("drop", "deck", "--back", 3)[0] == 0
    assert len(answers(project)) == 3
    code, _out, err = tarot("drop", "deck", "--back", 2)
    assert code == 2 and "Sample 2 is as it was" in err
    assert tarot("drop", "deck", 0)[0] == 2 and tarot("drop", "deck", 5)[0] == 2


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """``editor("python statements on text")``: $EDITOR that changes the text it is given so."""

    def use(statements):
        script = tmp_path / "my editor.py"
        script.write_text(
            "import sys, pathlib\npath = pathlib.Path(sys.argv[-1])\ntext = path.read_text()\n"
            f"{statements}\npath.write_text(text)\n"
        )
        monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}' --wait")
        monkeypatch.delenv("VISUAL", raising=False)

    return use


def test_edit_opens_the_sample_as_plain_text(project, deck_file, tarot, editor):
    editor("assert '=== output ===\\n新的開始。\\n' in text; text = text.replace('開始', '旅程')")
    code, out, _err = tarot("edit", "deck", 1)
    assert code == 0 and "Sample 1 is edited" in out
    assert answers(project)[0] == "新的旅程。"
    assert not list(project.state.glob("sample-*"))
    editor("pass")
    assert "Nothing was changed" in tarot("edit", "deck", 1)[1]
    assert json.loads(tarot("edit", "deck", 1, "--set", "output=a=b", "--json")[1])["change"] == 2
    assert answers(project)[0] == "a=b"


def test_what_was_typed_is_kept_when_it_is_no_sample(project, deck_file, tarot, editor):
    editor("text = 'all my work'")
    code, _out, err = tarot("edit", "deck", 1)
    kept = project.state / "sample-1.txt"
    assert code == 2 and str(kept) in err
    assert kept.read_text() == "all my work" and kept.stat().st_mode & 0o77 == 0
    assert answers(project)[0] == "新的開始。"


@pytest.mark.parametrize(("command", "says"), [
    ("false", "ended with code 1"), ("no-such-editor -w", "no-such-editor cannot be started"), ("'", "cannot be understood"),
    ("true; touch pwned", "cannot be started"),
])  # fmt: skip
def test_an_editor_that_does_not_work_is_one_sentence(deck_file, tarot, monkeypatch, tmp_path, command, says):
    monkeypatch.setenv("VISUAL", command)
    monkeypatch.chdir(tmp_path)
    code, _out, err = tarot("edit", "deck", 1)
    assert code in (1, 2) and says in err and "Traceback" not in err
    assert not (tmp_path / "pwned").exists()


def test_a_rebuild_keeps_the_edits_and_says_which_lost_their_sample(project, tarot, written):
    faq = written("faq.csv", "q,a\n愚者？,新的開始\n月亮？,夢\n太陽？,喜悅\n")
    rules = written("faq.yaml", 'samples:\n  - instruction: "{q}"\n    output: "{a}"\n')
    build = ("build", faq, "-o", "deck", "--template", rules)
    tarot(*build)
    tarot("drop", "deck", 1)
    tarot("edit", "deck", 2, "--set", "output=夢與恐懼")
    faq.write_text("q,a\n星星？,希望\n月亮？,夢\n愚者？,新的開始\n", "utf-8")
    assert "2 edits and drops of samples still hold" in tarot(*build)[1]
    assert answers(project) == ["希望", "夢與恐懼"]
    faq.write_text("q,a\n愚者？,新的開始\n星星？,希望\n", "utf-8")
    found = {one["id"]: one for one in json.loads(tarot(*build, "--json")[1])["findings"]}
    assert "1 changes belong to samples" in found["data.vanished"]["text"]
    assert answers(project) == ["希望"]
    assert tarot("build", faq, "-o", "deck.edits")[0] == 2


def test_progress_is_told_once_a_second_and_the_report_comes_last(registered, tarot, monkeypatch):
    from tarot_tui.cli.data import check

    registered("many", [{"instruction": f"{n}?", "output": f"answer {n}"} for n in range(1000)])
    seconds = iter(range(0, 100_000, 1))
    monkeypatch.setattr(check.time, "monotonic", lambda: next(seconds) / 2)
    lines = [json.loads(line) for line in tarot("check", "many", "--json", "--progress")[1].splitlines()]
    assert [line["looked_at"] for line in lines[:-1]] == [200, 400, 600, 800, 1000]
    assert lines[-1]["samples"] == 1000
    assert len(tarot("check", "many", "--json")[1].splitlines()) == 1
