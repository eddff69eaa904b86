"""Rows become samples by patterns; whatever a template gets wrong is answered with the nearest right thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data import applying, fitting, patterns
from tarot_tui.data import template as templates
from tarot_tui.data.sources.table import Header, Row
from tarot_tui.errors import BadInput

COLUMN = st.text(st.characters(exclude_characters="{}", exclude_categories=("Cs",)), min_size=1, max_size=12).map(
    lambda name: " ".join(name.split())
).filter(bool)  # fmt: skip


def load(tmp_path, text):
    path = tmp_path / "t.yaml"
    path.write_text(text, "utf-8")
    return templates.load(path)


def sheet(*columns, section="牌"):
    return Header(Path("deck.xlsx"), section, columns, "sheet")


def made(template, *rows):
    """The samples of rows of one sheet, each a mapping of columns to texts."""
    header = sheet(*rows[0])
    numbered = [Row(header.source, header.section, number, cells) for number, cells in enumerate(rows, 1)]
    return applying.preview(template, header, numbered, 100_000).samples


# substitution


@given(st.lists(st.tuples(st.text(max_size=10), COLUMN), max_size=4), st.text(max_size=10), st.data())
def test_any_text_and_any_column_name_come_out_as_written(parts, end, data):
    def escaped(text):
        return patterns.literal(text)

    cells = {name: data.draw(st.text(max_size=10)) for _text, name in parts}
    pattern = "".join(escaped(text) + "{" + name + "}" for text, name in parts) + escaped(end)
    assert patterns.fill(pattern, cells) == "".join(text + cells[name] for text, name in parts) + end
    assert patterns.columns_of(pattern) == list(dict.fromkeys(name for _text, name in parts))


@pytest.mark.parametrize("pattern", ["{", "a } b", "{a{b}}", "{}", "{ }", "{{{a}"[:-1]])
def test_a_brace_that_belongs_to_no_column_is_refused(tmp_path, pattern):
    with pytest.raises(BadInput, match=r"pattern 1: 'output' has a brace .* write \{Column\}"):
        load(tmp_path, f"samples:\n- instruction: q\n  output: '{pattern}'\n")


@pytest.mark.parametrize("name", ["a.__class__", "a[0]", "a!r", "a:>9", "0", "a}{b"[:1] + ".b"])
def test_what_str_format_would_evaluate_is_only_a_name(name):
    assert patterns.fill("{" + name + "}", {name: "cell {x}"}) == "cell {x}"
    with pytest.raises(KeyError):
        patterns.fill("{" + name + "}", {"a": "x"})


# samples


def test_a_row_gives_one_sample_per_pattern_unless_its_question_or_answer_is_empty(tmp_path):
    template = load(
        tmp_path,
        "samples:\n"
        '- {instruction: "寫出關於{Card  Name}正位的含義", output: "{Up}", input: "{Hint}"}\n'
        '- {instruction: "{Card Name}逆位", output: "{{逆}}{Down}", system: "你是{Card Name}"}\n',
    )
    cells = {"Card Name": "愚者", "Up": "出發", "Down": "", "Hint": ""}
    up = {"instruction": "寫出關於愚者正位的含義", "input": "", "output": "出發", "system": ""}
    assert made(template, cells) == [up]
    cells["Down"] = "停"
    assert made(template, cells)[1] == {
        "instruction": "愚者逆位", "input": "", "output": "{逆}停", "system": "你是愚者",
    }  # fmt: skip
    cells["Card Name"] = ""
    assert made(template, cells) == []


def test_without_any_system_prompt_samples_have_no_such_key(tmp_path):
    template = load(tmp_path, "samples: [{instruction: q, output: '{A}'}]")
    assert list(made(template, {"A": "x"})[0]) == [
        "instruction",
        "input",
        "output",
    ]


# what can be wrong with the file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("samples:\n- {instrution: q, instruction: q, output: a}", r"pattern 1: unknown key 'instrution' \(did you mean 'instruction'\?\)"),
        ("sample: []\nsamples: [{instruction: q, output: a}]", r"unknown key 'sample' \(did you mean 'samples'\?\)"),
        ("samples:\n- {instruction: q, output: a}\n- {instruction: q}", "pattern 2: 'output' is missing"),
        ("samples: []", "'samples' is empty"),
        ("", "'samples' is missing"),
        ("samples:\n- instruction: {Card Name}\n  output: a", "pattern 1: 'instruction' must be text; put quotes"),
        ("samples:\n- instruction: q\n  output: 5", "'output' must be text"),
        ("samples:\n- instruction: ''\n  output: a", "'instruction' is empty"),
        ("samples: [", "line 1"),
        ("- a", "expected 'key: value'"),
        ("samples: text", "'samples'"),
    ],
)  # fmt: skip
def test_a_wrong_template_names_file_pattern_and_key(tmp_path, text, says):
    with pytest.raises(BadInput, match=says) as error:
        load(tmp_path, text)
    assert "t.yaml" in str(error.value) and "\n" not in str(error.value)


def check(tmp_path, text, *headers):
    return fitting.check(load(tmp_path, text), tmp_path / "t.yaml", headers)


def test_an_unknown_column_is_answered_with_the_nearest_and_with_all(tmp_path):
    text = "samples:\n- {instruction: q, output: '{Upright Meaning}'}\n- {instruction: '{card name}', output: '{Upright Meanng}'}"
    with pytest.raises(BadInput) as error:
        check(tmp_path, text, sheet("Number", "Card Name", "Upright Meaning", "Unnamed: 3"))
    said = str(error.value)
    assert "t.yaml, pattern 2: no column 'card name' in deck.xlsx '牌' (did you mean 'Card Name'?)" in said
    assert said.endswith("there is Number, Card Name, Upright Meaning.")


def test_an_unknown_sheet_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(
        BadInput, match=r"no sheet 'tarots' in the sources \(did you mean 'Tarot'\?\); there is 牌, Tarot"
    ):
        check(
            tmp_path,
            "sheets: tarots\nsamples: [{instruction: q, output: '{A}'}]",
            sheet("A"),
            sheet("A", section="Tarot"),
        )


def test_other_documents_in_a_folder_are_left_out_and_said(tmp_path):
    text = "sheets: [牌]\nsamples: [{instruction: q, output: '{A}'}, {instruction: q, output: '{B}'}]"
    paragraphs = Header(Path("d.docx"), "段落", ("text",), "text")
    csv = Header(Path("c.csv"), "", ("B",), "grid")
    found = check(tmp_path, text, sheet("A", "B"), sheet("Z", section="Other"), paragraphs, csv)
    assert [(finding.id, finding.severity) for finding in found] == [
        ("data.table_left_out", "info"),
        ("data.pattern_left_out", "warning"),
    ]
    assert "d.docx" in found[0].text and "c.csv: pattern 1 left out, there is no column 'A'" in found[1].text
