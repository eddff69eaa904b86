"""What a check finds in a dataset, sample by sample, and what its fixes make of it."""

from __future__ import annotations

import random

import pytest

from tarot_tui.data import dataset, overlay
from tarot_tui.data.quality.check import check
from tarot_tui.data.quality.fixes import fix
from tarot_tui.errors import BadInput

GOOD = [
    {"instruction": "愚者的正位是什麼意思？", "input": "", "output": "新的開始，自由與冒險。"},
    {"instruction": "魔術師的正位是什麼意思？", "input": "", "output": "創造力，把想法變成現實。"},
    {"instruction": "What does the Moon mean?", "input": "", "output": "Dreams, fears, and what is hidden."},
]


@pytest.fixture
def checked(project, registered):
    """``checked([samples], **entry)``: the findings on GOOD and these, by id without ``data.``."""

    def run(*more, held_out=None, **entry):
        registered("deck", [*GOOD, *more], **entry)
        if held_out:
            registered("exam", held_out)
        report = check(project, "deck", "exam" if held_out else "")
        return {finding.id.removeprefix("data."): finding for finding in report.findings}, report

    return run


def sample(question, answer, **more):
    return {"instruction": question, "input": "", "output": answer} | more


def test_good_samples_have_nothing_to_be_said_about_them(checked):
    found, report = checked()
    assert not found
    assert (report.samples, report.turns, report.scripts) == (3, 3, {"traditional": 2})


def test_an_empty_dataset_is_no_good_one(project, registered):
    registered("none", [])
    assert [finding.id for finding in check(project, "none").findings] == ["data.none"]


@pytest.mark.parametrize(("more", "kind", "numbers"), [
    ([sample("Where?", "")], "empty", [4]),
    ([sample("  ", "Here.")], "empty", [4]),
    ([sample("Which card?", "NaN")], "empty", [4]),
    ([sample("What?", None)], "broken", [4]),
    ([sample("ｗhat does   the MOON mean?", "dreams, fears, and what is hidden.")], "duplicate", [4]),
    ([sample("What does the Moon mean?", "The night.")], "contradiction", [3, 4]),
    ([sample("x", "zero\u200bwidth"), sample("y", "a soft\u00adhyphen")], "invisible", [4, 5]),
    ([sample("x", "\ufefffrom a file of Windows")], "invisible", [4]),
    ([sample("x", "two\r\nlines")], "control", [4]),
    ([sample("x", "a bell \x07 and \x1b[31mred")], "control", [4]),
    ([sample("x", "the caf\ufffd is gone")], "lost", [4]),
    ([sample("這張牌？", "新的开始，还有软件与冒险。")], "script_simplified", [4]),
    ([sample("x", "my key is sk-proj-AbCdEfGhIjKlMnOpQrSt12")], "secret", [4]),
    ([sample("登入", "密碼：Hunter2hunter")], "secret", [4]),
    ([sample("x", "AKIAIOSFODNN7EXAMPLQ")], "secret", [4]),
    ([sample("x", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----")], "secret", [4]),
    ([sample("聯絡", "請寫信到 reader@tarot.com.tw")], "personal", [4]),
    ([sample("聯絡", "手機 0912-345-678"), sample("聯絡？", "+886 912 345 678")], "personal", [4, 5]),
    ([sample("聯絡", "電話 (02) 2345-6789")], "personal", [4]),
    ([sample("證件", "A123456789")], "personal", [4]),
    ([sample("card", "4111 1111 1111 1111")], "personal", [4]),
])  # fmt: skip
def test_each_fault_is_found_in_its_samples(checked, more, kind, numbers):
    found, _report = checked(*more)
    assert found[kind].samples == numbers
    assert set(found) == {kind}


@pytest.mark.parametrize("innocent", [
    "家庭 👨‍👩‍👧 和旗 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "क्‍ष और می‌خواهم", "שלום\u200f!",
    "A123456788 has no valid check digit", "4111 1111 1111 1112 neither", "2026-11-24 10:30, order 20261124103000",
    "password: it is a word that passes", "user@example.com stands for nobody", "the token economy of ISO 9001",
    "台灣的里長在後面喝着茶", "日本語の読み方は、学校の先生に聞く。",
])  # fmt: skip
def test_what_is_meant_so_is_left_alone(checked, innocent):
    assert not checked(sample("這是什麼？", innocent))[0]


def test_almost_the_same_is_told_from_alike_in_both_languages(checked):
    rng = random.Random(7)
    chinese = "".join(rng.choice("愚者魔術師女祭司皇帝戀人戰車力量隱士命運正義") for _ in range(150))
    english = " ".join(
        rng.choice(("fool", "magician", "star", "moon", "sun", "world", "sword", "cup")) for _ in range(60)
    )
    found, _report = checked(
        sample("中文？", chinese), sample("中文？？", chinese[:70] + "改" + chinese[71:]),
        sample("English?", english), sample("In English?", english.replace("star", "Star!", 1) + " moon"),
        sample("愚者的逆位是什麼意思？", "魯莽，逃避承諾。"), sample("魔術師的逆位是什麼意思？", "欺騙，浪費才能。"),
    )  # fmt: skip
    assert found["near_duplicate"].samples == [5, 7]


def test_what_is_measured_on_must_not_be_learned(checked, project):
    held_out = [sample("愚者的正位是什麼意思？", "別的答案"), sample("太陽？", "喜悅"), GOOD[2]]
    found, report = checked(held_out=held_out)
    assert (found["leak"].samples, found["leak"].dataset) == ([1, 3], "exam")
    fix(project, report)
    assert [one["output"] for one in dataset.samples(project, "exam")] == ["喜悅"]
    assert len(dataset.load(project, "deck")) == 3


def messages(*turns):
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def test_turns_are_put_in_order_where_that_takes_no_guessing(project, registered):
    u, a = ("user", "問"), ("assistant", "答")
    odd = [
        messages(u, a),
        messages(a, ("user", "再問"), ("assistant", "再"), ("assistant", "答")),
        messages(("system", "s"), ("user", "三"), ("assistant", "三"), ("user", "沒有答案")),
        messages(u),
        messages(("user", "五"), ("wizard", "答")),
    ]
    registered("chat", odd, formatting="openai", columns={"messages": "messages"})
    report = check(project, "chat")
    found = {finding.id: finding.samples for finding in report.findings}
    assert found == {"data.broken": [4, 5], "data.turns": [2, 3]}
    fix(project, report)
    assert [finding.id for finding in check(project, "chat").findings] == ["data.broken", "data.changes"]
    fix(project, report, ["broken"])
    assert [[m["content"] for m in turns] for turns in dataset.conversations(project, "chat")] == [
        ["問", "答"], ["再問", "再\n答"], ["s", "三", "三"],
    ]  # fmt: skip


def test_safe_fixes_are_made_together_others_when_they_are_named(checked, project):
    _found, report = checked(
        sample("a", ""), GOOD[0], sample("b", "tel\u200b 0912-345-678\r\nsk-proj-AbCdEfGhIjKlMnOpQrSt12"),
        sample("愚者？", "新的开始，还有软件与冒险。"),
    )  # fmt: skip
    before = (project.data / "deck.json").read_bytes()
    done = {one.id: (one.samples, one.dropped) for one in fix(project, report)}
    assert done == {
        "data.secret": (1, False), "data.invisible": (1, False), "data.control": (1, False),
        "data.empty": (1, True), "data.duplicate": (1, True),
    }  # fmt: skip
    fix(project, check(project, "deck"), ["personal", "data.script_simplified"])
    answers = [one["output"] for one in dataset.samples(project, "deck")][3:]
    assert answers == ["tel [phone]\n[key]", "新的開始，還有軟件與冒險。"]
    assert not check(project, "deck").findings[:-1]  # but for the word about LLaMA-Factory
    assert (project.data / "deck.json").read_bytes() == before
    while overlay.undo(project, "deck"):
        pass
    assert len(dataset.load(project, "deck")) == 7


@pytest.mark.parametrize("name", ["contradiction", "lost", "everything"])
def test_a_fix_that_is_none_is_refused_with_those_there_are(checked, project, name):
    with pytest.raises(BadInput, match=f"'{name}'.*duplicate, empty"):
        fix(project, checked()[1], [name])


def test_changes_without_their_sample_are_told(checked, project, registered):
    _found, report = checked(sample("a", ""))
    fix(project, report)
    registered("deck", GOOD)
    (finding,) = check(project, "deck").findings
    assert finding.id == "data.vanished" and "4" in finding.evidence


@pytest.mark.parametrize("piece", [
    "password ", "eyJabcdefghijk-", "a.b-", "4 ", "+1 2", "09", "\x1b]", "ÃÂ", "sk-", "-----BEGIN ", "A1234567", "👨\u200d", "\u200b", "密碼 是",
])  # fmt: skip
def test_texts_made_to_be_slow_are_not(checked, piece):
    many = 200_000
    for text in (
        piece * (many // len(piece)),
        piece + " " * many,
        piece + "1" * many,
        piece + "a-" * (many // 2),
    ):
        found, _report = checked(sample("?", text))
        assert isinstance(found, dict)
