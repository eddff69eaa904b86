"""What templates make beside one sample a row: turns, paraphrases, drawn rows, chat logs, cells; and the ready ones."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from tarot_tui.data import applying, dataset, fitting, ready
from tarot_tui.data import template as templates
from tarot_tui.data.build import build
from tarot_tui.data.sources.table import Header, Row
from tarot_tui.errors import BadInput

DECK = Path(str(files("tarot_tui"))) / "example" / "sources" / "偉特塔羅牌_78張.xlsx"


@pytest.fixture
def made(tmp_path):
    """``made(template's text, rows)``: what :func:`applying.preview` shows of a sheet."""

    def make(text, rows, limit=10_000):
        path = tmp_path / "t.yaml"
        path.write_text(text, "utf-8")
        template = templates.load(path)
        header = Header(Path("s.csv"), "", tuple(rows[0]), "grid")
        fitting.check(template, path, [header])
        numbered = [Row(header.source, "", number, cells) for number, cells in enumerate(rows, 1)]
        return applying.preview(template, header, numbered, limit)

    return make


def test_an_optional_part_goes_with_its_cell_and_other_brackets_stay(made):
    text = "samples: [{instruction: '[note] {A}[ in {B}]', output: '[[{A}]][, {B} and {C}].'}]"
    found = made(text, [{"A": "a", "B": "b", "C": "c"}, {"A": "a", "B": "", "C": "c"}]).samples
    assert [(one["instruction"], one["output"]) for one in found] == [
        ("[note] a in b", "[a], b and c."),
        ("[note] a", "[a]."),
    ]


def test_a_conversation_ends_before_the_first_empty_answer(made):
    text = """
samples:
- {instruction: "{A}?", output: "{B}", then: [{instruction: love, output: "{C}"}, {instruction: work, output: "{D}"}]}
"""
    rows = [dict(zip("ABCD", cells, strict=True)) for cells in ("abcd", ("a", "b", "c", ""), ("a", "b", "", "d"), ("a", "", "c", "d"))]  # fmt: skip
    found = made(text, rows).samples
    assert [(one["history"], one["instruction"], one["output"]) for one in found] == [
        ([["a?", "b"], ["love", "c"]], "work", "d"),
        ([["a?", "b"]], "love", "c"),
        ([], "a?", "b"),
    ]


def test_paraphrases_are_all_taken_or_one(made):
    text = "samples: [{instruction: ['a {A}', 'b {A}'], output: x, paraphrases: %s}]"
    rows = [{"A": str(number)} for number in range(50)]
    assert len(made(text % "all", rows).samples) == 100
    one = [sample["instruction"] for sample in made(text % "one", rows).samples]
    assert len(one) == 50 and {question[0] for question in one} == {"a", "b"}
    assert [sample["instruction"] for sample in made("seed: 7\n" + text % "one", rows).samples] != one


DRAW = """
seed: %d
draw: {rows: 2, samples: 40, either: [{Way: up, Meaning: "{Up}"}, {Way: down, Meaning: "{Down}"}]}
samples: [{instruction: "{Name #1} {Way #1}, {Name #2} {Way #2}", output: "{Meaning #1}; {Meaning #2}"}]
"""


def test_rows_are_drawn_without_repeats_and_again_the_same(made):
    rows = [{"Name": name, "Up": f"{name}+", "Down": f"{name}-"} for name in "abcdef"] + [
        {"Name": "g", "Up": "", "Down": "g-"}
    ]
    found = made(DRAW % 1, rows).samples
    asked = [one["instruction"] for one in found]
    assert len(set(asked)) == 40 and made(DRAW % 1, rows).samples == found != made(DRAW % 2, rows).samples
    for one in found:
        first, second = (part.split() for part in one["instruction"].split(", "))
        assert first[0] != second[0]
        signs = {"up": "+", "down": "-"}
        assert one["output"] == f"{first[0]}{signs[first[1]]}; {second[0]}{signs[second[1]]}"
    assert not any("g up" in question for question in asked) and any(
        "g down" in question for question in asked
    )


def test_there_are_no_more_draws_than_there_can_be(made):
    few = [{"Name": name, "Up": "u", "Down": ""} for name in "ab"]
    assert len(made(DRAW % 1, few).samples) == 2 and made(DRAW % 1, few[:1]).samples == []


def test_a_wrong_column_of_a_draw_is_answered_with_the_nearest(made):
    rows = [{"Name": "a", "Up": "u", "Down": "d"}]
    with pytest.raises(BadInput, match=r"no column 'Nam #2' in s.csv \(did you mean 'Name #2'"):
        made(DRAW.replace("{Name #2}", "{Nam #2}") % 1, rows)
    with pytest.raises(BadInput, match=r"t.yaml, draw: no column 'Upp' in s.csv \(did you mean 'Up'"):
        made(DRAW.replace("{Up}", "{Upp}") % 1, rows)


CHAT = """
system: be kind
chat: {conversation: "{No}", speaker: "{Who}", text: "{Said}", user: [客人, guest], assistant: reader}
"""


def test_rows_that_were_said_become_conversations(made):
    said = [
        ("1", "reader", "welcome"), ("", "Guest", "hello"), ("", "guest", "what now?"), ("", "reader", "this"),
        ("", "客人", "why?"), ("", "READER", "so"), ("", "guest", "bye"),
        ("2", "guest", "q"), ("2", "bot", "beep"), ("2", "reader", "a"), ("3", "guest", "nobody answers"),
    ]  # fmt: skip
    found = made(CHAT, [dict(zip(("No", "Who", "Said"), row, strict=True)) for row in said])
    assert found.samples == [
        {"instruction": "why?", "input": "", "output": "so", "system": "be kind", "history": [["hello\nwhat now?", "this"]]},
        {"instruction": "q", "input": "", "output": "a", "system": "be kind", "history": []},
    ]  # fmt: skip
    assert {one.id for one in found.findings} == {"data.unknown_speaker", "data.loose_turns"}
    assert "'bot' (1)" in found.findings[0].text and found.left_out == 1


def test_every_cell_can_be_asked_for_in_any_order(made):
    text = "cells: {instruction: '{cell}% {number}%s', output: '{number} {place} {cell} {cell}'}"
    found = made(text, [{"A": 'x"%s', "B": ""}]).samples
    assert found == [{"instruction": 'x"%s% 1%s', "input": "", "output": '1 A x"%s x"%s'}]


def test_what_is_passed_over_is_said_by_pattern_row_and_column(made):
    text = "samples: [{instruction: '{A}', output: '{B}'}, {instruction: '{A}', output: '{C}'}]"
    rows = [{"A": "a", "B": "", "C": "c"}, {"A": "", "B": "b", "C": "c"}, {"A": "a", "B": "b", "C": "c"}]
    found = made(text, rows, limit=1)
    assert [(one.pattern, one.row, one.columns) for one in found.skipped] == [(1, 1, ["B"])]
    every = made(text, rows)
    assert [(one.pattern, one.row) for one in every.skipped] == [(1, 1), (1, 2), (2, 2)] and every.rows == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("samples: [{instruction: q, output: a}]\nchat: {speaker: '{A}', text: '{A}', user: u, assistant: a}", "'samples' and 'chat' do not go together"),
        ("cells: {instruction: q, output: '{cel}'}", r"'cel' is not known \(did you mean 'cell'"),
        ("cells: {instruction: q, output: a}\ndraw: {rows: 2, samples: 3}", "'cells' and 'draw'"),
        ("samples: [{instruction: q, output: a, then: [{instruction: r, ouput: b}]}]", r"pattern 1: unknown key 'ouput' \(did you mean 'output'"),
        ("samples: [{instruction: q, input: i, output: a, then: [{instruction: r, output: b}]}]", "pattern 1: with 'then'"),
        ("draw: {rows: 0, samples: 1}\nsamples: [{instruction: q, output: a}]", "'rows'"),
        ("system: x\nsystem_file: y\nsamples: [{instruction: q, output: a}]", "'system' and 'system_file'"),
        ("system_file: gone.txt\nsamples: [{instruction: q, output: a}]", "gone.txt cannot be read"),
        ("system_file: /etc/hostname\nsamples: [{instruction: q, output: a}]", "outside of the project"),
        ("system_file: ../../../../etc/hostname\nsamples: [{instruction: q, output: a}]", "outside of the project"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(made, text, says):
    with pytest.raises(BadInput, match=says) as error:
        made(text, [{"A": "a"}])
    assert "t.yaml" in str(error.value) and "\n" not in str(error.value)


def test_a_system_prompt_from_a_file_is_taken_as_it_is(made, tmp_path):
    (tmp_path / "who.txt").write_text("You are {A} [and {B}].\n")
    text = "samples: [{instruction: q, output: a, system_file: who.txt}]"
    assert made(text, [{"A": "a"}]).samples[0]["system"] == "You are {A} [and {B}]."


@pytest.mark.parametrize(
    ("name", "count"),
    [("tarot-deck-zh", 312), ("tarot-deck-en", 312), ("tarot-spreads-zh", 200), ("tarot-spreads-en", 200), ("old-script", 936)],
)  # fmt: skip
def test_ready_templates_fit_the_shipped_deck(project, tarot, name, count):
    code, out, err = tarot("build", DECK, "-o", "d", "--template", name)
    if name == "old-script":
        assert (code, err) == (0, "")
        assert dataset.load(project, "d") == dataset.load(project, build(project, [DECK], "e").name)
        return
    sheets = "塔羅牌" if name.endswith("zh") else "Tarot"
    if "deck" in name:
        count //= 2  # a conversation for each side of a card
        assert tarot("build", DECK, "-o", "d", "--template", name, "--sheets", sheets)[0] == 0
    assert code == 0 and len(dataset.load(project, "d")) == count
    assert all("{" not in one["instruction"] + one["output"] for one in dataset.samples(project, "d"))


@pytest.mark.parametrize(
    ("name", "sheet", "count"),
    [
        ("faq-zh", "問題,回答,補充\n問,答,\n問,答,又\n", 2),
        ("faq-en", "Question,Answer,More\nq,a,\n", 1),
        ("glossary-zh", "詞,解釋,例句\n詞,義,\n", 2),
        ("glossary-en", "Term,Definition,Example\nt,d,e\n", 2),
        ("chat-log-zh", "對話,說話者,內容\n1,客人,問\n1,占卜師,答\n", 1),
        ("chat-log-en", "Conversation,Speaker,Message\n1,Client,q\n1,Reader,a\n", 1),
    ],
)
def test_ready_templates_fit_the_sheets_they_are_for(project, tarot, written, name, sheet, count):
    assert tarot("build", written("s.csv", sheet), "-o", "d", "--template", name)[0] == 0
    assert len(dataset.load(project, "d")) == count


def test_ready_templates_are_listed_and_copied(project, tarot):
    listed = json.loads(tarot("templates", "--json")[1])
    assert {one["name"] for one in listed} == {one.name for one in ready.ready()} and len(listed) >= 6
    assert all(one["about"] for one in listed) and "faq-en" in tarot("templates")[1]
    assert tarot("templates", "--copy", "faq-en", "--as", "mine")[0] == 0
    assert templates.load(project.templates / "mine.yaml").samples
    assert tarot("templates", "--copy", "faq-en", "--as", "mine")[0] == 2
    code, _out, err = tarot("templates", "--copy", "fak-en")
    assert code == 2 and "did you mean 'faq-en'" in err
