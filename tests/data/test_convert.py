"""Samples in every form, there and back; what a form has no place for is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data import convert, dataset, forms, registry, samples
from tarot_tui.data.dataset import to_alpaca, to_messages
from tarot_tui.errors import BadInput

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
said = text.filter(bool)
pairs = st.lists(st.tuples(said, said).map(list), min_size=1, max_size=2)
alpacas = st.fixed_dictionaries(
    {"instruction": said, "input": st.just(""), "output": text}, optional={"system": said, "history": pairs}
)


@given(alpacas)
def test_alpaca_to_messages_and_back_is_the_same(sample):
    assert to_alpaca(to_messages(sample)) == sample


@settings(max_examples=40)
@given(st.lists(alpacas, min_size=1, max_size=4), st.booleans(), st.sampled_from(["messages", "sharegpt"]))
def test_files_come_back_the_same_by_way_of_every_form(tmp_path_factory, made, lines, form):
    from tarot_tui.project import create

    project = create(tmp_path_factory.mktemp("p") / "p")
    source = project.sources / "s.json"
    source.write_text(json.dumps(made), "utf-8")
    there = convert.convert(project, str(source), "there", form, lines=lines)
    back = convert.convert(project, "there", "back", "alpaca")
    assert there.findings == back.findings == []
    assert dataset.load(project, "back") == made
    assert dataset.conversations(project, "there") == dataset.conversations(project, "back")
    again = convert.convert(project, str(source), "again", "alpaca")
    assert dataset.load(project, "again") == made and again.samples == len(made)


def test_what_is_lost_is_said(project, tarot, written):
    source = written(
        "s.json",
        json.dumps(
            [{"instruction": "i", "input": "n", "output": "o", "id": 7}, {"instruction": "j", "output": "p"}]
        ),
    )
    code, out, _err = tarot("convert", source, "--to", "messages", "-o", "m", "--json")
    report = json.loads(out)
    assert code == 0 and report["samples"] == 2 and report["path"] == "data/m.json"
    assert {one["id"]: one["text"] for one in report["findings"]}.keys() == {
        "data.input_joined",
        "data.keys_lost",
    }
    assert "'id' (1)" in out and "In 1 samples" in out
    assert dataset.conversations(project, "m")[0][0] == {"role": "user", "content": "i\nn"}


def test_samples_that_are_none_are_left_out_with_number_and_reason(project, tarot, written):
    good = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    bad = {"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "q"}]}
    source = written("s.jsonl", json.dumps(good) + "\n" + json.dumps(bad) + "\n")
    code, out, _err = tarot("convert", source, "--to", "alpaca", "-o", "m")
    assert code == 0 and "left out 1 of 2" in out and "sample 2" in out and "take turns" in out
    with pytest.raises(BadInput, match="sample 1"):
        convert.convert(project, str(written("b.jsonl", json.dumps(bad))), "b", "alpaca")
    assert not (project.data / "b.json").exists() and "b" not in registry.read(project)


@pytest.mark.parametrize(
    ("sample", "tags"),
    [
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "gpt"),
        ({"conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}]}, "assistant"),
        ({"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, "assistant"),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, "assistant"),
    ],
)  # fmt: skip
def test_the_names_of_those_who_talk_are_found(written, sample, tags):
    path = written("s.json", json.dumps([sample]))
    entry = forms.entry_of(path)
    assert entry.tags["assistant_tag"] == tags
    assert dataset.as_alpaca(entry, 1, sample) == {"instruction": "q", "input": "", "output": "a"}


def test_a_build_takes_files_of_samples_over(project, tarot, written):
    written("in/a.json", json.dumps([{"instruction": "i", "input": "n", "output": "o"}]))
    written("in/b.jsonl", json.dumps({"system": "s", "conversations": [
        {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"},
        {"from": "human", "value": "r"}, {"from": "gpt", "value": "b"},
    ]}))  # fmt: skip
    folder = written("in/c.txt", "line").parent
    code, out, err = tarot("build", folder, "-o", "all")
    assert (code, err) == (0, "") and "3 samples in data/all.json" in out
    first, second, third = samples.read(project.data / "all.json")
    assert first == {"instruction": "i", "input": "n", "output": "o", "system": "", "history": []}
    assert second == {
        "instruction": "r", "input": "", "output": "b", "system": "s", "history": [["q", "a"]],
    }  # fmt: skip
    assert third["output"] == "line" and third["history"] == []
    assert {"system", "history"} < set(registry.read(project)["all"]["columns"])


def test_parquet_is_taken_over_too(project, tarot, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    parquet.write_table(pyarrow.table({"messages": [turns]}), tmp_path / "s.parquet")
    assert tarot("build", tmp_path / "s.parquet", "-o", "p")[0] == 0
    assert dataset.load(project, "p") == [{"instruction": "q", "input": "", "output": "a"}]
    assert tarot("convert", tmp_path / "s.parquet", "--to", "messages", "-o", "m")[0] == 0
    assert dataset.conversations(project, "m") == [turns]


def test_edits_go_with_the_samples_of_a_dataset(project, tarot, registered):
    registered("d", [{"instruction": f"q{i}", "output": f"a{i}"} for i in range(3)])
    tarot("drop", "d", "2")
    assert tarot("convert", "d", "--to", "messages", "-o", "m", "--jsonl")[0] == 0
    assert [one[0]["content"] for one in dataset.conversations(project, "m")] == ["q0", "q2"]
    assert (project.data / "m.jsonl").is_file()
    # The other suffix takes its place, and nothing is left behind.
    assert tarot("convert", "d", "--to", "messages", "-o", "m")[0] == 0
    assert (project.data / "m.json").is_file() and not (project.data / "m.jsonl").exists()
    assert tarot("convert", "d", "--to", "messages", "-o", "d")[0] == 2


@pytest.mark.parametrize("what", ["nothing-of-that-name", "x.txt", "rows.json"])
def test_what_cannot_be_converted_is_one_sentence(project, tarot, written, what):
    written("x.txt", "x")
    path = written("rows.json", '[{"a": 1}]').parent / what
    code, _out, err = tarot("convert", path if path.exists() else what, "--to", "alpaca", "-o", "n")
    assert code == 2 and err.count("\n") == 1


def test_lines_that_its_reader_may_fail_on_are_not_written(project, tarot, written):
    many = [{"instruction": "q", "output": "a"}, {"instruction": "r", "output": "b", "history": [["q", "a"]]}]
    path = written("s.json", json.dumps(many))
    code, _out, err = tarot("convert", path, "--to", "alpaca", "--jsonl", "-o", "n")
    assert code == 2 and "--to messages" in err and not (project.data / "n.jsonl").exists()
    assert (
        tarot("convert", written("t.json", json.dumps(many[:1])), "--to", "alpaca", "--jsonl", "-o", "n")[0]
        == 0
    )
