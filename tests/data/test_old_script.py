"""Without a template we make what the batch script of the original tutorial made: its loops, rewritten here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tarot_tui.data.build import build

CARDS = [
    ("Number", "Card Name", "Upright Meaning", "", "Number"),
    ("BA0", "0_(the fool)愚者", "自由戀愛\n愚人牌", None, "三"),
    ("BA1", "魔術師", None, "x", "四"),
    (None, None, None, None, None),
    ("BA2", '引號"與,逗號', "正位", None, "五"),
]


def entry(path: Path, section: object, index: int, content: str) -> dict[str, str]:
    return {
        "instruction": f"在文件'{path.name}'的'{section}'中，第{index + 1}項的內容是什麼？",
        "input": "",
        "output": content,
    }


def process_file(path: Path) -> list[dict[str, str]]:
    import docx
    import pandas as pd

    dataset = []
    if path.suffix in (".xlsx", ".csv"):
        frame = (
            pd.read_excel(path, engine="openpyxl")
            if path.suffix == ".xlsx"
            else pd.read_csv(path, encoding="utf-8")
        )
        for index, row in frame.iterrows():
            for column in frame.columns:
                if pd.notna(row[column]):
                    dataset.append(entry(path, column, index, str(row[column])))
    elif path.suffix == ".docx":
        for i, paragraph in enumerate(docx.Document(str(path)).paragraphs):
            if paragraph.text.strip():
                dataset.append(entry(path, "段落", i, paragraph.text))
    elif path.suffix == ".txt":
        with open(path, encoding="utf-8") as file:
            for i, line in enumerate(file.readlines()):
                if line.strip():
                    dataset.append(entry(path, "行", i, line.strip()))
    return dataset


@pytest.fixture
def folder(tmp_path, workbook, written):
    import docx

    workbook("in/a 牌.xlsx", 塔羅牌=CARDS)
    written(
        "in/b/cards.csv",
        'Number,Card Name,,Number\r\nBA0,愚者,a,x1\r\n\r\nBA1,,b,\r\n,,,\r\n"B,2",女祭司,,"x\ny"\r\n',
    )
    written("in/c.txt", "第一行\n\n  第三行  \r\nlast")
    document = docx.Document()
    for text in ("標題", "", "第三段\n換行"):
        document.add_paragraph(text)
    document.save(tmp_path / "in/d.docx")
    return tmp_path / "in"


def test_every_kind_of_file_gives_the_samples_of_the_old_script_byte_for_byte(project, folder):
    expected = []
    for path in sorted(folder.rglob("*"), key=lambda path: path.parts):
        if path.is_file():
            expected += process_file(path)
    assert len(expected) > 20

    report = build(project, [folder], "same")

    assert report.path.read_text("utf-8") == json.dumps(expected, ensure_ascii=False, indent=2)
    assert report.samples == len(expected)


def test_whole_numbers_beside_empty_cells_stay_whole_where_pandas_made_them_floats(project, workbook):
    path = workbook("a.xlsx", Sheet=[("n", "t"), (1, "a"), (None, "b")])
    assert "1.0" in [sample["output"] for sample in process_file(path)]
    build(project, [path], "numbers")
    assert [s["output"] for s in json.loads((project.data / "numbers.json").read_text())] == ["1", "a", "b"]


def test_further_sheets_and_tables_which_the_old_script_did_not_read_say_where_they_are(
    project, workbook, tmp_path
):
    import docx

    document = docx.Document()
    table = document.add_table(2, 1)
    table.cell(0, 0).text, table.cell(1, 0).text = "Card", "Fool"
    document.save(tmp_path / "t.docx")
    book = workbook("a.xlsx", Empty=[], First=[("Card",), ("愚者",)], Tarot=[("Card",), ("Fool",)])
    build(project, [book, tmp_path / "t.docx"], "more")
    made = json.loads((project.data / "more.json").read_text("utf-8"))
    assert [sample["instruction"] for sample in made] == [
        "在文件'a.xlsx'的'Card'中，第1項的內容是什麼？",
        "在文件'a.xlsx'的'Tarot!Card'中，第1項的內容是什麼？",
        "在文件't.docx'的'表格1!Card'中，第1項的內容是什麼？",
    ]
