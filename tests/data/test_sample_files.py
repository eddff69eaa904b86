"""Files of samples: written as ``json.dump`` would, read one sample at a time, broken ones named by line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data import samples
from tarot_tui.errors import BadInput

FILES = settings(max_examples=60)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
FLAT = st.lists(st.fixed_dictionaries({"instruction": TEXT, "output": TEXT}), max_size=6)


@FILES
@given(FLAT)
def test_written_bytes_are_those_of_json_dump_and_read_back(tmp_path, found):
    path = tmp_path / "a.json"
    assert samples.write(path, iter(found)) == len(found)
    assert path.read_bytes().decode() == json.dumps(found, ensure_ascii=False, indent=2)
    assert list(samples.read(path)) == found


@FILES
@given(found=FLAT, chunk=st.integers(1, 40), indent=st.sampled_from([None, 1]), lines=st.booleans())
def test_arrays_and_lines_are_read_whatever_the_cuts_between_blocks(tmp_path, found, chunk, indent, lines):
    path = tmp_path / "a.json"
    text = "\n".join(map(json.dumps, found)) if lines else json.dumps(found, indent=indent)
    path.write_text(text + "\n", "utf-8-sig")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_CHUNK", chunk)
        assert list(samples.read(path)) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[\n  {"a": "x"},\n  {"a" "y"}\n]' + " " * 99, 3),
        ('{"a": 1}\n{"a": 2}\n{"a": nope}\n' + '{"a": 3}\n' * 9, 3),
        ('[\n{"a": 1}\n{"a": 2}]', 3),
        ('[{"a": 1},\n{"a": 2}', 2),
        ('[{"a": 1},\n]', 2),
        ('[\n{"a": "cut', 2),
        ("[\n5]", 2),
        ('[{"a": 1}]\n[', 2),
        ('"text"', 1),
        ('[\n{"a": ' + "[" * 100_000, 2),
    ],
)
def test_broken_json_is_named_by_its_line(tmp_path, text, line):
    path = tmp_path / "broken.json"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput, match=rf"broken\.json, line {line}: not valid JSON"):
        list(samples.read(path))


def test_only_as_much_is_read_as_is_asked_for(tmp_path):
    path = tmp_path / "big.jsonl"
    path.write_text('{"a": 1}\n' * 200_000 + "broken", "utf-8")
    stream = samples.read(path)
    assert [next(stream) for _ in range(3)] == [{"a": 1}] * 3
    with pytest.raises(BadInput, match="line 200001"):
        list(stream)


def test_another_encoding_is_one_sentence(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('[{"a": "愚者"}]'.encode("cp950"))
    with pytest.raises(BadInput, match="not UTF-8"):
        list(samples.read(path))
