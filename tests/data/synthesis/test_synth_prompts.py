"""What a prompt file makes of rows."""

from __future__ import annotations

import json

from tarot_tui.data import dataset
from tarot_tui.data.synthesis import prompt, rows


def test_whole_rows_are_shown_when_the_prompt_names_no_column(project, prompt_file, cards):
    prompt_file.write_text("writer: Write.")
    cards.write_text("Card,Meaning,Note\nFool,begin,\n,,\nFool,begin,\nMoon,,dim\n")
    found = rows.read(project, [cards], prompt.load(prompt_file), prompt_file)
    assert [(item.row, item.shown) for item in found.items] == [
        (1, "Card: Fool\nMeaning: begin"), (4, "Card: Moon\nNote: dim"),
    ]  # fmt: skip
    assert (found.repeated, found.empty) == (1, 0)


def test_a_line_whose_columns_are_empty_is_left_out_and_a_row_without_any_is_not_asked(
    project, prompt_file, cards
):
    prompt_file.write_text("writer: Write.\nrow: |\n  A card.\n  Card: {Card}\n  It means: {Meaning}\n")
    cards.write_text("Card,Meaning,Note\nFool,,x\n,,only a note\n")
    found = rows.read(project, [cards], prompt.load(prompt_file), prompt_file)
    assert [item.shown for item in found.items] == ["A card.\nCard: Fool"] and found.empty == 1


def test_a_row_that_moved_is_the_same_row_and_one_that_changed_is_not(project, prompt_file, cards):
    asked = prompt.load(prompt_file)
    before = rows.read(project, [cards], asked, prompt_file).items
    lines = cards.read_text().splitlines()
    cards.write_text("\n".join([lines[0], "New,card", lines[1], lines[2] + "!"]) + "\n")
    after = rows.read(project, [cards], asked, prompt_file).items
    assert after[1].sha256 == before[0].sha256 and after[1].row == 2
    assert after[2].sha256 not in {item.sha256 for item in before}


def test_comments_layout_and_persona_may_change_without_asking_anew(prompt_file):
    text = prompt_file.read_text()
    first = prompt.load(prompt_file).sha256
    prompt_file.write_text(
        "# a comment\nlayout: openai\ntemperature: 1\n" + text.replace("You read", "You love")
    )
    assert prompt.load(prompt_file).sha256 == first
    prompt_file.write_text(text.replace("two questions", "three questions"))
    assert prompt.load(prompt_file).sha256 != first


def test_answers_may_come_from_the_row_and_only_questions_be_written(
    project, asked, request_for, chat, prompt_file
):
    prompt_file.write_text('writer: Ask.\nrow: "Card: {Card}"\nanswer: "{Meaning}"\nper_row: 2\n')
    chat.reply = lambda request: json.dumps(
        {"samples": [{"question": f"{request['messages'][1]['content'][6:]} {number}?"} for number in (1, 2)]}
    )
    asked(request_for(prompt=prompt.load(prompt_file)))
    shape = chat.requests[0]["response_format"]["json_schema"]["schema"]["properties"]["samples"]["items"]
    assert shape["required"] == ["question"]
    assert dataset.load(project, "reader")[1] == {
        "instruction": "Fool 2?", "input": "", "output": "what Fool stands for",
    }  # fmt: skip
