"""Where each sample begins: the same samples as reading the file through, wherever the blocks are cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data import sample_index, samples
from tarot_tui.data.sample_index import SampleIndex
from tarot_tui.errors import BadInput

FILES = settings(max_examples=80)
TEXT = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from('{}[]"\\,\n'), max_size=20)
SAMPLES = st.lists(
    st.fixed_dictionaries({"instruction": TEXT, "history": st.lists(TEXT, max_size=2)}), max_size=6
)


def lines(found, ascii_only):
    return "".join(json.dumps(one, ensure_ascii=ascii_only) + "\n \n" for one in found)


def array(found, ascii_only):
    return json.dumps(found, ensure_ascii=ascii_only, indent=2)


def several_lines(found, ascii_only):
    return "\n".join(json.dumps(one, ensure_ascii=ascii_only, indent=1) for one in found)


@FILES
@given(
    found=SAMPLES,
    layout=st.sampled_from([lines, array, several_lines]),
    block=st.integers(1, 50),
    odd=st.booleans(),
)
def test_every_sample_is_found_by_its_number(tmp_path, found, layout, block, odd):
    path = tmp_path / "a.json"
    path.write_text(layout(found, odd), "utf-8-sig" if odd else "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_index, "_BLOCK", block)
        index = SampleIndex(path)
        index.scan()
        assert [index.raw(number) for number in range(1, len(index) + 1)] == found == list(samples.read(path))


def test_only_as_much_is_scanned_as_is_asked_for(tmp_path):
    path = tmp_path / "big.jsonl"
    path.write_text("".join(f'{{"a": "{number:0200}"}}\n' for number in range(1, 20_001)))
    index = SampleIndex(path)
    assert int(index.raw(2)["a"]) == 2
    assert not index.complete and index.scanned <= 1 << 20
    assert int(index.raw(15_000)["a"]) == 15_000
    assert not index.complete
    with pytest.raises(BadInput, match="has 20000 samples; there is no sample 20001"):
        index.raw(20_001)
    assert index.complete


@pytest.mark.parametrize("ascii_only", [True, False])
def test_search_finds_what_is_said_however_it_is_spelt(tmp_path, ascii_only):
    path = tmp_path / "a.jsonl"
    said = ["The Fool", "愚者說：「走」", 'a "quoted"\nword', "😀 smile", "ÉTÉ", "the output"]
    path.write_text("".join(json.dumps({"output": one}, ensure_ascii=ascii_only) + "\n" for one in said))
    index = SampleIndex(path)
    assert [index.find(words) for words in ("the fool", "說：「", '"QUOTED"\n', "😀", "été", "output", "nowhere")] == [
        1, 2, 3, 4, 5, 6, None,
    ]  # fmt: skip
    assert index.find("the", 2) == 6


def test_search_goes_through_more_than_one_stretch(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"a": "card {number}."}}\n' for number in range(1, 2001)))
    index = SampleIndex(path)
    for number in (1, 255, 256, 257, 1024, 2000):
        assert index.find(f"card {number}.") == number
    assert index.find("CARD", 1999) == 1999


def test_a_sample_that_is_broken_is_named_and_the_others_are_shown(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\nnonsense\n[1]\n\xff\n' + b"[" * 100_000 + b'\n{"a": 2}\n')
    index = SampleIndex(path)
    assert index.raw(1) == {"a": 1} and index.raw(6) == {"a": 2}
    for number in (2, 3, 4, 5):
        with pytest.raises(BadInput, match=f"a.jsonl, sample {number}: "):
            index.raw(number)
    assert index.text(4) == "�"


def test_a_replaced_file_is_noticed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n')
    index = SampleIndex(path)
    assert index.is_current()
    (tmp_path / "b").write_text('{"a": 2}\n')
    (tmp_path / "b").rename(path)
    assert not index.is_current() and index.raw(1) == {"a": 1}
