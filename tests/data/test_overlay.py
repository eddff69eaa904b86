"""Changes to samples beside the data file: they find their sample again, or say that it is gone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data import dataset, overlay
from tarot_tui.data.overlay import Wish
from tarot_tui.errors import BadInput

THREE = [{"instruction": q, "input": "", "output": a} for q, a in (("一", "壹"), ("二", "貳"), ("三", "參"))]


@pytest.fixture
def three(project, registered):
    registered("three", THREE)
    return project.data / "three.json"


def answers(project, name="three"):
    return [sample["output"] for sample in dataset.samples(project, name)]


def edited(raw, output):
    return raw | {"output": output}


def test_a_drop_and_an_edit_are_what_training_reads_and_the_file_stays(project, three):
    before = three.read_bytes()
    overlay.add(project, "three", three, [Wish(1, THREE[0], "drop")])
    overlay.add(project, "three", three, [Wish(3, THREE[2], "edit", edited(THREE[2], "叁"))])
    assert answers(project) == ["貳", "叁"]
    assert [turns[-1]["content"] for turns in dataset.conversations(project, "three")] == ["貳", "叁"]
    assert three.read_bytes() == before


def test_numbers_are_those_in_the_file_whatever_was_dropped_before(project, three):
    overlay.add(project, "three", three, [Wish(1, THREE[0], "drop")])
    entry = dataset.usable(project, "three")
    assert [number for number, _raw in dataset.numbered(project, entry)] == [2, 3]


def test_changes_follow_their_samples_through_a_rebuild_in_another_order(project, three):
    overlay.add(project, "three", three, [Wish(1, THREE[0], "drop")])
    overlay.add(project, "three", three, [Wish(2, THREE[1], "edit", edited(THREE[1], "兩"))])
    three.write_text(json.dumps([{"instruction": "零", "output": "〇"}, *reversed(THREE)]))
    assert answers(project) == ["〇", "參", "兩"]
    found = overlay.settle(project, "three", three)
    assert {number: change.do for number, change in found.by_number.items()} == {4: "drop", 3: "edit"}
    assert not found.vanished
    assert answers(project) == ["〇", "參", "兩"]


def test_a_change_whose_sample_is_gone_is_reported_and_kept_for_its_return(project, three):
    overlay.add(project, "three", three, [Wish(3, THREE[2], "drop")])
    three.write_text(json.dumps(THREE[:2]))
    assert [change.number for change in overlay.settle(project, "three", three).vanished] == [-3]
    assert answers(project) == ["壹", "貳"]
    three.write_text(json.dumps([THREE[2], *THREE[:2]]))
    assert not overlay.settle(project, "three", three).vanished
    assert answers(project) == ["壹", "貳"]


def test_of_equal_samples_as_many_are_dropped_as_were_asked_for(project, registered):
    registered("same", [THREE[0]] * 3 + [THREE[1]])
    file = project.data / "same.json"
    overlay.add(project, "same", file, [Wish(n, THREE[0], "drop") for n in (2, 3)])
    assert answers(project, "same") == ["壹", "貳"]
    file.write_text(json.dumps([THREE[1]] + [THREE[0]] * 4))
    assert answers(project, "same") == ["貳", "壹", "壹"]


def test_undo_takes_back_one_change_with_all_its_samples(project, three):
    overlay.add(project, "three", three, [Wish(n, THREE[n - 1], "drop") for n in (1, 2)])
    overlay.add(project, "three", three, [Wish(3, THREE[2], "edit", edited(THREE[2], "叁"))])
    assert [change.number for change in overlay.undo(project, "three")] == [3]
    assert answers(project) == ["參"]
    overlay.undo(project, "three")
    assert answers(project) == ["壹", "貳", "參"]
    assert overlay.undo(project, "three") == []
    assert not overlay.path_of(project, "three").exists()


def test_a_kept_sample_is_as_it_was_and_undo_brings_its_change_back(project, three):
    overlay.add(project, "three", three, [Wish(1, THREE[0], "drop")])
    overlay.add(project, "three", three, [Wish(1, THREE[0], "keep")])
    assert answers(project) == ["壹", "貳", "參"]
    three.write_text(json.dumps(THREE[::-1]))
    overlay.settle(project, "three", three)
    overlay.undo(project, "three")
    assert answers(project) == ["參", "貳"]


@pytest.mark.parametrize("name", ["my deck, v2", "../outside", "a/b"])
def test_whatever_a_dataset_is_called_its_changes_stay_in_the_project(project, registered, name):
    registered(name, THREE, file_name="three.json")
    before = set(project.root.parent.rglob("*"))
    overlay.add(project, name, project.data / "three.json", [Wish(1, THREE[0], "drop")])
    assert answers(project, name) == ["貳", "參"]
    new = set(project.root.parent.rglob("*")) - before
    assert {path.parent for path in new} <= {project.data, project.state, project.root}
    assert overlay.undo(project, name)


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"change": 1}', '{"do": "rm -rf"}', "[" * 100_000])
def test_a_broken_line_is_named(project, three, line):
    overlay.add(project, "three", three, [Wish(1, THREE[0], "drop")])
    with open(overlay.path_of(project, "three"), "a") as file:
        file.write(line + "\n")
    with pytest.raises(BadInput, match=r"three\.edits\.jsonl, line 2"):
        answers(project)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.none() | st.lists(st.text(max_size=3))))
def test_the_key_is_blind_to_order_and_to_empty_values_only(raw):
    key = overlay.key_of(raw)
    assert overlay.key_of(dict(reversed(raw.items())) | {"something": ""}) == key
    assert overlay.key_of(raw | {"something": "else"}) != key
