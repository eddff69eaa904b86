"""Refusals, copies and repetition are told from answers in character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tarot_tui
from tarot_tui.data import dataset
from tarot_tui.data.sources import collect, read_rows
from tarot_tui.data.synthesis import judge
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.errors import BadInput

MEANING = "愚人是一張代表自發性行為的牌，一段跳脫某種狀態的日子，或盡情享受眼前日子的一段時光。"
PROMPT = Prompt(writer="請根據一張塔羅牌的資料，寫出真實的來訪者會問的問題，以及你面對面的回答。")
ITEM = Item(1, "cards.csv", "", 1, "ab", f"牌名：愚者\n正位含義：{MEANING}", "", "")


def fault(answer: str, question: str = "我抽到愚者，該換工作嗎？") -> str:
    return judge.fault(Pair(question, answer), ITEM, PROMPT)


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I cannot read cards.",
        "I'm sorry, but I can't help with that request.",
        "I’m sorry, I am unable to provide readings.",
        "Unfortunately, I cannot answer this.",
        "I cannot provide advice about the future.",
        "很抱歉，我無法提供占卜。",
        "抱歉，我不能回答這個問題。",
        "對不起，我没有办法回答。",
        "作為一個AI語言模型，我沒有直覺。",
        "作为人工智能，我不会占卜。",
        "身為 AI，我只能說……",
        "我只是一個語言模型，不能感應能量。",
        "我無法提供這類建議。",
        "很抱歉，作為塔羅師，我無法給出具體的建議。",
        "I can't assist with that.",
        "I cannot give you any advice on this.",
    ],
)
def test_a_refusal_is_known_in_english_and_in_chinese(answer):
    assert fault(answer) == "refusal"


@pytest.mark.parametrize(
    "answer",
    [
        "很抱歉聽到你最近過得不好；愚者提醒你，新的開始就在眼前。",
        "I am sorry to hear that your week was hard; the Fool invites you to begin again.",
        "對不起這三個字，也許正是你該對自己說的。",
        "You cannot help falling in love, and the Fool says: leap.",
        "愚者不會替你作決定，但祂陪你踏出第一步。",
        "Said the Fool: I can't stay, the road calls me.",
        "I can't give you certainty, but the Moon says: wait.",
        "Unfortunately, the Tower cannot be avoided.",
        "抱歉讓你久等了，我不會讓你失望。",
        "對不起，我不能再等他了，這正是寶劍二的心聲。",
        "我無法給你保證，不過星星牌帶來希望。",
        "As an air sign you think fast.",
    ],
)
def test_an_apology_in_character_is_no_refusal(answer):
    assert fault(answer) == ""


def test_nothing_in_the_shipped_deck_is_taken_for_a_refusal():
    sources = Path(tarot_tui.__file__).parent / "example" / "sources"
    cells = [text for file in collect([sources]) for row in read_rows(file) for text in row.cells.values()]
    assert len(cells) > 900 and not [text for text in cells if judge.is_refusal(text)]


def test_an_answer_that_copies_the_row_or_the_prompt_is_a_parrot():
    assert fault(MEANING) == "copies_row"
    assert fault(f"「{MEANING.replace('，', ' , ')}」") == "copies_row"
    assert fault(PROMPT.writer) == "copies_prompt"
    assert fault("我抽到愚者，該換工作嗎？") == "echo"
    assert fault("放手去試吧，先踏出一步。" * 12) == "loops"


def test_an_answer_that_builds_on_the_row_is_none():
    assert (
        fault(
            f"{MEANING}對你來說，這表示該先辭掉讓你窒息的週末兼差，空出兩天去認識你真正想待的那個行業的人。"
        )
        == ""
    )
    assert fault("愚者") == ""


def test_the_same_answer_twice_is_kept_once():
    said = judge.Said(questions=False)
    assert [said.again(Pair(question, answer)) for question, answer in [("a", "X y."), ("b", "x  Y"), ("c", "z")]] == [
        False, True, False,
    ]  # fmt: skip


def test_what_is_set_aside_is_kept_with_its_reason_and_its_row_is_asked_again(
    project, asked, request_for, chat, lines
):
    times: dict[str, int] = {}

    def reply(request):
        shown = request["messages"][-1]["content"]
        card = shown.split()[1]
        times[card] = times.get(card, 0) + 1
        answer = {
            "Fool": "As an AI I cannot say.",
            "Moon": "Moon: Meaning: what Moon stands for.",
            "Hermit": "no json",
        }.get(card)
        if card == "Lovers" and times[card] == 1:
            answer = "I'm sorry, I can't help with that."
        if card == "Hermit":
            return "I think the card is nice."
        return json.dumps(
            {"samples": [{"question": f"{card}?", "answer": answer or f"{card} smiles at you."}]}
        )

    chat.reply = reply
    asked(request_for(limits=Limits(concurrency=1, tries=2)))
    assert [sample["instruction"] for sample in dataset.samples(project, "reader")] == [
        "Magician?", "Empress?", "Emperor?", "Lovers?", "Chariot?",
    ]  # fmt: skip
    set_aside = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert [(line["row"], line["reason"], line["given_up"]) for line in set_aside] == [
        (1, "refusal", False), (1, "refusal", True), (5, "refusal", False),
        (7, "invalid", False), (7, "invalid", True), (8, "copies_row", False), (8, "copies_row", True),
    ]  # fmt: skip
    assert "no JSON" in set_aside[3]["detail"] and set_aside[3]["reply"] == "I think the card is nice."


def test_a_refusal_that_the_server_marks_as_one_is_one(project, asked, request_for, chat, lines):
    chat.reply = lambda request: {"message": {"role": "assistant", "content": None, "refusal": "No."}}
    with pytest.raises(BadInput, match="No row is answered"):
        asked(request_for(limits=Limits(concurrency=1, tries=1), last=2))
    assert {line["reason"] for line in lines(project.data / "reader.synth" / "rejects.jsonl")} == {"refusal"}


def test_a_reply_longer_than_max_tokens_says_what_to_raise(project, asked, request_for, chat, lines):
    chat.reply = lambda request: {
        "message": {"role": "assistant", "content": '{"samples": [{"question": "How'}, "finish_reason": "length",
    }  # fmt: skip
    with pytest.raises(BadInput):
        asked(request_for(limits=Limits(tries=1), last=1))
    (line,) = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert "longer than max_tokens (300)" in line["detail"]
