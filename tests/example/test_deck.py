"""The shipped example: complete, clean, and fit for its own templates."""

from __future__ import annotations

import csv
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from python_calamine import CalamineWorkbook

from tarot_tui import project
from tarot_tui.data.template import columns_of, load

EXAMPLE = Path(str(files("tarot_tui"))) / "example"
SOURCES = EXAMPLE / "sources"
DECK = SOURCES / "偉特塔羅牌_78張.xlsx"
READINGS = SOURCES / "塔羅解讀範例.docx"
QUESTIONS = SOURCES / "占卜問答.csv"
NOTES = SOURCES / "tarot-notes.txt"

MEANINGS = ["Upright Meaning", "Reversed Meaning", "Upright Love Meaning", "Reversed Love Meaning"]
COLUMNS = ["Number", "Card Name", *MEANINGS]
CJK = re.compile(r"[\u4e00-\u9fff]")

both_sheets = pytest.mark.parametrize("sheet", ["塔羅牌", "Tarot"])


def cards(sheet: str) -> list[dict[str, object]]:
    header, *rows = CalamineWorkbook.from_path(DECK).get_sheet_by_name(sheet).to_python()
    assert header == COLUMNS
    return [dict(zip(header, row, strict=True)) for row in rows]


def meanings(sheet: str) -> list[str]:
    return [str(card[column]) for card in cards(sheet) for column in MEANINGS]


def questions() -> list[dict[str, str]]:
    with open(QUESTIONS, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def paragraphs_and_cells() -> list[str]:
    import docx

    document = docx.Document(str(READINGS))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return [paragraph.text for paragraph in document.paragraphs] + cells


def test_the_chinese_sheet_comes_before_the_english_one():
    assert CalamineWorkbook.from_path(DECK).sheet_names == ["塔羅牌", "Tarot"]


@both_sheets
def test_the_cards_are_numbered_from_0_to_77(sheet):
    assert [card["Number"] for card in cards(sheet)] == list(range(78))


@both_sheets
def test_no_cell_is_empty_or_padded(sheet):
    for card in cards(sheet):
        for column in COLUMNS[1:]:
            text = card[column]
            assert isinstance(text, str) and text and text == text.strip(), (card["Number"], column)


@both_sheets
def test_no_two_meanings_and_no_two_names_are_alike(sheet):
    found = meanings(sheet)
    assert len(set(found)) == len(found) == 78 * 4
    assert len({card["Card Name"] for card in cards(sheet)}) == 78


@both_sheets
def test_no_cell_holds_control_characters(sheet):
    for card in cards(sheet):
        for column in COLUMNS[1:]:
            assert not [c for c in str(card[column]) if unicodedata.category(c).startswith("C")], card


def test_both_sheets_name_the_same_cards_in_the_same_order():
    for chinese, english in zip(cards("塔羅牌"), cards("Tarot"), strict=True):
        assert str(chinese["Card Name"]).endswith(f" ({english['Card Name']})")


def test_english_meanings_are_one_plain_sentence_of_10_to_18_words():
    for text in meanings("Tarot"):
        assert text.isascii() and re.fullmatch(r"[A-Z][^.!?]*\.", text), text
        assert 10 <= len(text.split()) <= 18, text


def test_chinese_meanings_are_20_to_40_characters_with_full_width_punctuation():
    for text in meanings("塔羅牌"):
        assert CJK.search(text) and text.endswith("。") and not re.search(r"[ -~]", text), text
        assert 20 <= len(text) <= 40, text


def test_chinese_text_is_traditional():
    texts = meanings("塔羅牌") + [str(card["Card Name"]) for card in cards("塔羅牌")]
    texts += [cell for row in questions() for cell in row.values()] + paragraphs_and_cells()
    for text in texts:
        # Big5 is Taiwan's own character set: it has no simplified forms such as 爱, 这 or 说.
        text.encode("big5")


def test_the_csv_holds_a_dozen_distinct_questions_with_answers():
    rows = questions()
    assert list(rows[0]) == ["問題", "回答"]
    assert len(rows) == len({row["問題"] for row in rows}) == len({row["回答"] for row in rows}) == 12
    assert all(row["問題"].endswith("？") and row["回答"].endswith("。") for row in rows)


def test_the_docx_has_headings_paragraphs_and_one_table():
    import docx

    document = docx.Document(str(READINGS))
    styles = [paragraph.style.name for paragraph in document.paragraphs]
    assert styles.count("Title") == 1 and styles.count("Heading 1") >= 2
    assert 4 <= styles.count("Normal") <= 6
    (table,) = document.tables
    assert [cell.text for cell in table.rows[0].cells] == ["牌位", "牌", "解讀"]
    assert all(text.strip() for text in paragraphs_and_cells())


def test_the_notes_are_distinct_plain_english_lines():
    lines = NOTES.read_text("ascii").splitlines()
    assert len(lines) == len(set(lines)) >= 10
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize("name", ["tarot-zh", "tarot-en", "tarot-en-love", "faq-zh"])
def test_every_column_of_a_template_is_in_its_source(name):
    path = EXAMPLE / "templates" / f"{name}.yaml"
    template = load(path)
    if name == "faq-zh":
        columns = list(questions()[0])
    else:
        (sheet,) = template.sheets
        columns = list(cards(sheet)[0])
    for pattern in template.samples:
        assert pattern.columns and set(pattern.columns) <= set(columns)


@pytest.mark.parametrize("names", [["tarot-zh"], ["tarot-en", "tarot-en-love"]])
def test_the_deck_templates_ask_four_different_questions_about_each_card(names):
    texts = [(EXAMPLE / "templates" / f"{name}.yaml").read_text("utf-8") for name in names]
    patterns = [pattern for text in texts for pattern in yaml.safe_load(text)["samples"]]
    assert len({pattern["instruction"] for pattern in patterns}) == 4
    assert [columns_of(pattern["output"]) for pattern in patterns] == [[column] for column in MEANINGS]


def test_a_new_project_gets_the_example_and_keeps_what_the_user_changed(tmp_path):
    made = project.create(tmp_path / "p", example=True)
    for folder in ("sources", "templates", "recipes"):
        shipped = {path.name: path.read_bytes() for path in (EXAMPLE / folder).iterdir()}
        assert {path.name: path.read_bytes() for path in (made.root / folder).iterdir()} == shipped
    assert (made.sources / DECK.name).is_file() and (made.templates / "tarot-zh.yaml").is_file()

    (made.sources / NOTES.name).write_text("mine", "utf-8")
    project.create(made.root, example=True)
    assert (made.sources / NOTES.name).read_text("utf-8") == "mine"
