"""What was tokenised once is read again, is the same, and is made anew whenever anything that it rests on is another."""

from __future__ import annotations

import shutil
from functools import cache

import pytest

from tarot_tui.training import samples, token_cache
from tarot_tui.training.encode import load_tokenizer

_load = cache(load_tokenizer)


@pytest.fixture
def prepare(cards, tiny_recipe, monkeypatch):
    """Tokenises the cards; the samples, and whether the tokenizer was needed for it."""
    asked = []
    monkeypatch.setattr(samples, "load_tokenizer", lambda base: asked.append(base) or _load(base))

    def run(base, **changes):
        before = len(asked)
        found = samples.prepare(cards, tiny_recipe(**changes), base)
        return found, len(asked) > before

    return run


def test_what_is_read_again_is_what_was_tokenised_whatever_the_cut(prepare, tiny_llama, cards):
    made, needed = prepare(tiny_llama)
    assert needed and len(list((cards.state / "tokens").iterdir())) == 1
    for cutoff in (1024, 40, 8):
        shutil.rmtree(cards.state)
        fresh, needed = prepare(tiny_llama, cutoff_len=cutoff)
        again, needed_again = prepare(tiny_llama, cutoff_len=cutoff)
        assert needed and not needed_again and again == fresh
    assert made.train[0].labels != made.train[0].input_ids


def test_other_data_another_tokenizer_or_template_is_tokenised_anew(
    prepare, tiny_llama, tmp_path, cards, add_dataset
):
    prepare(tiny_llama)
    assert prepare(tiny_llama, max_samples=3)[1]
    other = shutil.copytree(tiny_llama, tmp_path / "other")
    assert not prepare(other)[1]  # the same tokenizer in another place
    template = other / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|im_start|>", "<|im_start|> "))
    assert prepare(other)[1]
    add_dataset(cards, "cards", [("What?", "That.")])
    assert prepare(tiny_llama)[1]


def test_a_damaged_file_is_made_anew(prepare, tiny_llama, cards):
    made, _needed = prepare(tiny_llama)
    (path,) = (cards.state / "tokens").iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-3], whole[:-3] + b"xyz", b'{"samples": 1e99}\n', b"[]\n"):
        path.write_bytes(damaged)
        assert prepare(tiny_llama) == (made, True)
        assert path.read_bytes() == whole


def test_the_oldest_go_and_a_place_that_cannot_be_written_is_done_without(
    prepare, tiny_llama, cards, monkeypatch
):
    monkeypatch.setattr(token_cache, "_MOST_FILES", 3)
    for count in range(1, 7):
        prepare(tiny_llama, max_samples=count)
    assert len(list((cards.state / "tokens").iterdir())) == 3
    assert not prepare(tiny_llama, max_samples=6)[1] and prepare(tiny_llama, max_samples=1)[1]
    shutil.rmtree(cards.state)
    cards.state.write_text("in the way")
    assert prepare(tiny_llama)[0].train
