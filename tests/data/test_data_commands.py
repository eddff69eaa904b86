"""``tarot-tui data …`` from the shell: what it says, what it writes, and that it writes nothing when it fails."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from tarot_tui.data import dataset
from tarot_tui.data.build import build
from tarot_tui.data.record import read as read_record
from tarot_tui.errors import BadInput

TEMPLATE = """
samples:
- instruction: "寫出關於{Card Name}正位的含義"
  output: "{Upright Meaning}"
- instruction: "寫出關於{Card Name}逆位的含義"
  output: "{Reversed Meaning}"
"""


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def template(written):
    return written("cards.yaml", TEMPLATE)


def test_a_workbook_and_a_template_become_a_registered_dataset(project, tarot, deck, template):
    code, out, err = tarot("build", deck, "-o", "cards", "--template", template)
    assert (code, err) == (0, "")
    assert "deck.xlsx: 3 rows, 4 samples" in out and "4 samples in data/cards.json" in out
    assert "Left out 2 samples" in out and out.endswith("next: tarot-tui data show cards\n")
    assert dataset.load(project, "cards")[0] == {
        "instruction": "寫出關於愚者正位的含義", "input": "", "output": "自發的行動，\n通往成功之路。",
    }  # fmt: skip
    assert json.loads((project.data / "dataset_info.json").read_text("ascii")) == {
        "cards": {
            "file_name": "cards.json",
            "formatting": "alpaca",
            "columns": {"prompt": "instruction", "query": "input", "response": "output"},
        }
    }
    assert sorted(os.listdir(project.data)) == ["cards.build.json", "cards.json", "dataset_info.json"]


def test_a_system_prompt_is_listed_among_the_columns_and_read(project, deck, written):
    rules = written("t.yaml", "samples: [{instruction: '{Card Name}', output: '{Number}', system: 讀牌}]")
    build(project, [deck], "s", rules)
    assert json.loads((project.data / "dataset_info.json").read_text())["s"]["columns"]["system"] == "system"
    assert {sample["system"] for sample in dataset.load(project, "s")} == {"讀牌"}


def test_the_record_tells_what_the_dataset_was_made_of(project, deck, template):
    build(project, [deck], "cards", template)
    record = read_record(project, "cards")
    assert record["samples"] == 4 and record["template"]["path"] == str(template)
    assert record["sources"] == [
        {
            "path": str(deck),
            "rows": 3,
            "samples": 4,
            "left_out": 2,
            "sha256": hashlib.sha256(deck.read_bytes()).hexdigest(),
            "problem": "",
        }
    ]


def test_sources_of_all_kinds_and_one_of_another(project, tarot, written, deck):
    written("in/a.txt", "line")
    written("in/b.png", "x")
    written("in/empty.csv", "h\n")
    deck.rename(deck.parent / "in/deck.xlsx")
    code, out, _err = tarot("build", deck.parent / "in", "-o", "塔羅", "--json")
    report = json.loads(out)
    assert code == 0 and report["path"] == "data/塔羅.json"
    assert [(Path(file["path"]).name, file["samples"]) for file in report["files"]] == [
        ("a.txt", 1), ("deck.xlsx", 10), ("empty.csv", 0),
    ]  # fmt: skip
    assert {finding["id"] for finding in report["findings"]} == {"data.other_kinds", "data.no_samples"}


def test_a_template_of_the_project_is_found_by_its_name(project, tarot, deck):
    (project.templates / "cards.yaml").write_text(TEMPLATE, "utf-8")
    assert tarot("build", deck, "-o", "cards", "--template", "cards")[0] == 0


def test_building_again_replaces_the_dataset_and_keeps_its_neighbours(project, deck, registered, written):
    registered("first", [])
    build(project, [deck], "cards")
    registered("last", [])
    build(project, [written("a.txt", "only line")], "cards")
    assert dataset.names(project) == ["first", "cards", "last"]
    assert [sample["output"] for sample in dataset.load(project, "cards")] == ["only line"]


@pytest.mark.parametrize("entry", [{}, {"hf_hub_url": "org/name"}, {"tags": {}}])
def test_somebody_elses_dataset_is_replaced_only_when_asked(project, tarot, deck, registered, entry):
    registered("mine", [], **entry)
    before = everything_in(project.root)
    code, _out, err = tarot("build", deck, "-o", "mine")
    assert code == 2 and "--replace" in err and everything_in(project.root) == before
    assert tarot("build", deck, "-o", "mine", "--replace")[0] == 0
    assert len(dataset.load(project, "mine")) == 10


def test_a_file_in_the_way_is_replaced_only_when_asked(project, deck):
    (project.data / "mine.json").write_text("[]")
    with pytest.raises(BadInput, match="--replace"):
        build(project, [deck], "mine")
    build(project, [deck], "mine", replace=True)


@pytest.mark.parametrize("name", ["", "a,b", "../up", ".hidden", "dataset_info", "a.build", "a b", "x" * 200])
def test_a_name_that_cannot_be_is_refused(project, tarot, deck, name):
    before = everything_in(project.root)
    code, _out, err = tarot("build", deck, "-o", name)
    assert code == 2 and err.count("\n") == 1 and everything_in(project.root) == before


def nasty(case, deck, template, written):
    """The arguments of a request that must fail, and a word of the answer."""
    good = written("in/a.txt", "good")
    rules = {
        "column": TEMPLATE.replace("{Card Name}逆", "{Card Nam}逆"),
        "key": TEMPLATE.replace("output", "outputs", 1),
        "sheet": "sheets: [Tarot]" + TEMPLATE,
        "nothing": "samples: [{instruction: '{Card Name}', output: '{Number}{Upright Meaning}{Reversed Meaning}x{Unused}'}]",
    }
    if case == "missing":
        return [good, "gone.csv"], "gone.csv does not exist"
    if case == "broken":
        return [good, written("in/z.xlsx", deck.read_bytes()[:2000])], "z.xlsx is damaged"
    if case == "encrypted":
        return [good, written("in/z.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")], "password"
    if case == "undecodable":
        return [good, written("in/z.csv", b"\xff\xff")], "not text"
    if case == "open quote":
        return [good, written("in/z.csv", "a,b\n" + "1,2\n" * 500 + '1,"2\n')], "line 502"
    if case == "empty":
        return [written("in/e.txt", "\n \n")], "no text in"
    if case == "no template":
        return [deck, "--template", "gone.yaml"], "gone.yaml does not exist"
    if case == "no sample":
        empty = written("e.csv", "Card Name,Upright Meaning,Reversed Meaning\n愚者,,\n")
        return [empty, "--template", template], "makes no sample"
    return [deck, "--template", written("t.yaml", rules[case])], {
        "column": "no column 'Card Nam'", "key": "unknown key 'outputs'", "sheet": "no sheet 'Tarot'", "nothing": "'Unused'",
    }[case]  # fmt: skip


@pytest.mark.parametrize(
    "case",
    ["missing", "broken", "encrypted", "undecodable", "open quote", "empty", "no template", "no sample", "column", "key", "sheet", "nothing"],
)  # fmt: skip
def test_bad_input_is_one_sentence_exit_2_and_nothing_written(project, tarot, deck, template, written, case):
    arguments, says = nasty(case, deck, template, written)
    build(project, [deck], "cards")
    before = everything_in(project.root)
    code, _out, err = tarot("build", *arguments, "-o", "cards")
    assert code == 2 and says in err and err.count("\n") == 1
    assert everything_in(project.root) == before


def test_a_full_disk_leaves_everything_as_it_was(project, tarot, written, monkeypatch):
    build(project, [written("a.txt", "before")], "cards")
    before = everything_in(project.root)

    def full(*_arguments):
        raise OSError(28, "No space left on device", str(project.data))

    for function in ("samples.write_texts", "registry.register"):
        with monkeypatch.context() as patch:
            patch.setattr(f"tarot_tui.data.build.{function}", full)
            code, _out, err = tarot("build", written("a.txt", "after"), "-o", "cards")
        assert code == 2 and "No space left" in err and everything_in(project.root) == before


# show and list


def test_show_counts_and_prints_the_first_samples_harmlessly(tarot, registered):
    registered("d", [{"instruction": f"q{i}", "output": f"\x1b[2J\x07answer {i}\x9b31m"} for i in range(3)])
    code, out, err = tarot("show", "d", "-n", "2")
    assert (code, err) == (0, "")
    assert "3 samples, 3 answers" in out and "answer 1" in out and "answer 2" not in out
    assert not set("\x1b\x07\x9b") & set(out)


def test_show_as_json_is_one_object(tarot, project, deck):
    build(project, [deck], "cards")
    code, out, _err = tarot("--json", "show", "cards", "-n", "1")
    shown = json.loads(out)
    assert (
        code == 0 and shown["samples"] == 10 and len(shown["first"]) == 1 and shown["sources"] == [str(deck)]
    )


def test_show_of_an_unknown_dataset_names_the_nearest(tarot, registered):
    registered("tarot", [])
    code, out, err = tarot("show", "tarto")
    assert code == 2 and out == "" and "did you mean 'tarot'?" in err


def test_list_shows_all_even_those_that_cannot_be_read(tarot, project, deck, registered):
    assert "No datasets yet" in tarot("list")[1]
    build(project, [deck], "cards")
    registered("hub", [], hf_hub_url="org/name")
    registered("odd", [], formatting="what")
    code, out, _err = tarot("list")
    lines = out.splitlines()
    assert (
        code == 0
        and lines[1].split()[:3] == ["cards", "10", "alpaca"]
        and lines[2].split()[:2] == ["hub", "–"]
    )
    assert "unknown formatting 'what'" in lines[3]
    assert [one["samples"] for one in json.loads(tarot("list", "--json")[1])] == [10, None, None]
