"""Lengths in the model's own tokens, and a sample as the model sees it; on a real tokenizer and template."""

from __future__ import annotations

import json

import pytest

from tarot_tui.data import dataset, overlay
from tarot_tui.data.overlay import Wish
from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.training import child
from tarot_tui.training.as_trained import view, view_in_child
from tarot_tui.training.encode import encode, load_tokenizer
from tarot_tui.training.lengths import histogram, measure, measure_in_child


@pytest.fixture(scope="module")
def tokenizer(smollm2):
    return load_tokenizer(smollm2)


def by_id(found):
    return {finding.id.removeprefix("data."): finding.samples for finding in found.findings}


def test_the_numbers_are_those_of_what_would_be_trained_on(cards, tokenizer):
    found = measure(cards, "cards", "smol", tokenizer, 2048)
    samples = encode(tokenizer, dataset.conversations(cards, "cards"), 2048)
    assert found.samples == 9 and not found.findings and found.truncated == 0
    assert found.tokens == sum(len(sample.input_ids) for sample in samples)
    assert found.supervised == sum(sample.supervised for sample in samples)
    assert found.length["max"] == found.needed == max(sample.length for sample in samples)
    assert sum(count for _bound, count in found.histogram) == 9


def test_what_the_cut_takes_is_told_by_sample(cards, tokenizer, add_dataset):
    long = "A long answer. " * 20
    add_dataset(cards, "cut", [("Short?", "Yes."), ("Long?", long), ("Why? " * 60, "So.")])
    found = measure(cards, "cut", "smol", tokenizer, 60)
    assert by_id(found) == {"cut": [2], "cut_whole": [3]}
    assert found.truncated == 2
    assert {finding.fix for finding in found.findings} == {f"cutoff_len: {found.needed}"}
    assert not measure(cards, "cut", "smol", tokenizer, found.needed).findings


def test_marks_of_the_model_inside_a_text_are_told(cards, tokenizer, add_dataset):
    add_dataset(cards, "marks", [("a", "fine"), ("b", "ends<|im_end|> early")])
    (finding,) = measure(cards, "marks", "smol", tokenizer, 2048).findings
    assert (finding.id, finding.samples) == ("data.marks", [2]) and "<|im_end|>" in finding.evidence


def test_what_the_template_refuses_is_one_finding_and_the_rest_is_counted(cards, smollm2):
    tokenizer = load_tokenizer(smollm2)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if 'Moon' in m.content %}{{ raise_exception('no moons') }}{% endif %}"
        "{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    found = measure(cards, "cards", "smol", tokenizer, 2048)
    assert found.samples == 8 and by_id(found) == {"unrendered": [3]}
    assert "no moons" in found.findings[0].evidence


def test_the_numbers_are_those_of_the_file_and_changes_count(cards, tokenizer):
    file = cards.data / "cards.json"
    raws = json.loads(file.read_text())
    long = {"instruction": "The Fool?", "output": "Fool! " * 100}
    overlay.add(cards, "cards", file, [Wish(1, raws[0], "drop"), Wish(5, raws[4], "edit", long)])
    found = measure(cards, "cards", "smol", tokenizer, 64)
    assert found.samples == 8 and by_id(found) == {"cut": [5]}


@pytest.mark.parametrize(("lengths", "expected"), [
    ([], []), ([1], [[1, 1]]), ([7, 8, 9, 93], [[10, 3], *([n, 0] for n in range(20, 100, 10)), [100, 1]]),
    ([0, 2048], [[500, 1], [1000, 0], [1500, 0], [2000, 0], [2500, 1]]),
])  # fmt: skip
def test_bars_are_of_round_width_and_hold_everything(lengths, expected):
    assert histogram(lengths) == expected


@pytest.mark.parametrize("cutoff", [2048, 45, 12, 1])
def test_a_view_is_the_rendered_text_with_what_is_learned_marked(tokenizer, cutoff):
    messages = [
        {"role": "system", "content": "You read tarot cards."},
        {"role": "user", "content": "愚者？"}, {"role": "assistant", "content": "🃏 新的開始。"},
        {"role": "user", "content": "And?"}, {"role": "assistant", "content": "A leap."},
    ]  # fmt: skip
    found = view(tokenizer, messages, cutoff)
    assert "".join(text for _role, text in found.parts) == tokenizer.apply_chat_template(
        messages, tokenize=False
    )
    (sample,) = encode(tokenizer, [messages], cutoff)
    assert (found.tokens, found.learned, found.cut) == (
        sample.length, sum(label != -100 for label in sample.labels), max(sample.length - cutoff, 0),
    )  # fmt: skip
    if cutoff == 2048:
        learned = [text for role, text in found.parts if role == "learned"]
        assert learned == ["🃏 新的開始。<|im_end|>", "A leap.<|im_end|>"]


@pytest.mark.slow
def test_children_answer_and_pass_on_why_they_cannot(cards, smollm2):
    model = str(smollm2)
    assert measure_in_child(cards, "cards", model, 2048).samples == 9
    hello = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi."}]
    assert view_in_child(cards, model, hello, 2048).parts[1] == ["learned", "Hi.<|im_end|>"]
    with pytest.raises(BadInput, match="no such folder"):
        view_in_child(cards, "nowhere/at/all", hello, 2048)
    with pytest.raises(BadInput, match="No dataset 'crads'"):
        measure_in_child(cards, "crads", model, 2048)


def test_a_child_that_dies_is_one_sentence():
    with pytest.raises(TarotError, match="It failed: .*No module named"):
        child.ask("tarot_tui.nowhere", {}, "It failed: {reason}")


def test_lines_of_a_child_that_are_no_answer_are_passed_over():
    said = []
    assert child.understood("Loading 100%", said.append) is None
    assert child.understood('["a", "list"]') is None
    assert child.understood('{"say": "one moment"}', said.append) is None
    assert said == ["one moment"]
    assert child.understood(b'{"result": {"a": 1}}') == {"a": 1}
    with pytest.raises(Refused, match="no"):
        child.understood('{"error": "Refused", "text": "no"}')
