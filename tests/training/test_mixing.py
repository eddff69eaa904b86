"""Several datasets in one order, and what is held out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data.split import position
from tarot_tui.errors import BadInput
from tarot_tui.training.mixing import mixed
from tarot_tui.training.recipe import dump, load, validate
from tarot_tui.training.samples import _hold_out

A, B = ["a0", "a1", "a2"], ["b0", "b1", "b2", "b3", "b4"]
datasets = st.lists(st.lists(st.integers(), min_size=1, max_size=20), min_size=2, max_size=4)


def test_datasets_follow_one_another_or_take_turns():
    assert mixed([A, B], "concat", None, 1) == A + B
    assert mixed([A, B], "interleave_under", None, 1) == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert mixed([A, B], "interleave_over", None, 1) == [
        "a0", "b0", "a1", "b1", "a2", "b2", "a0", "b3", "a1", "b4",
    ]  # fmt: skip


def test_the_order_by_chance_is_that_of_the_datasets_package():
    # interleave_datasets of datasets 4.0.0 with probabilities [0.7, 0.3] and seed 42.
    under, over = "b0 a0 b1 a1 a2", "b0 a0 b1 a1 a2 b2 b3 b4"
    assert mixed([A, B], "interleave_under", [0.7, 0.3], 42) == under.split()
    assert mixed([A, B], "interleave_over", [0.7, 0.3], 42) == over.split()
    assert mixed([A, B], "interleave_over", [7, 3], 42) == over.split()


@given(datasets, st.integers(0, 2**32 - 1), st.data())
def test_over_uses_every_sample_and_under_none_twice(found, seed, data):
    found = [[(which, number) for number, _one in enumerate(one)] for which, one in enumerate(found)]
    shares = data.draw(st.lists(st.floats(0.05, 1), min_size=len(found), max_size=len(found)))
    over = mixed(found, "interleave_over", shares, seed)
    assert set(over) == {one for some in found for one in some}
    under = mixed(found, "interleave_under", shares, seed)
    assert len(set(under)) == len(under) and any(set(one) <= set(under) for one in found)


def said(question):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": "a"}]


@given(st.lists(st.lists(st.text(max_size=4), max_size=8), min_size=1, max_size=3), st.floats(0, 6))
def test_what_is_held_out_hangs_on_the_questions(found, val_size):
    pairs = [[(said(question), question) for question in one] for one in found]
    total = sum(map(len, found))
    train, held = _hold_out(pairs, val_size)
    count = min(total, round(val_size * total) if val_size < 1 else int(val_size))
    assert len(held) == count and sorted([*held, *(one for some in train for one in some)]) == sorted(
        one for some in found for one in some
    )
    if held:
        border = max(position(said(one)) for one in held)
        assert all(position(said(one)) >= border for some in train for one in some)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"interleave_probs": "0.5,0.5"}, "needs mix_strategy"),
        ({"interleave_probs": "0.5", "mix_strategy": "interleave_over"}, "1 numbers, and there are 2"),
        ({"interleave_probs": "a,b", "mix_strategy": "interleave_over"}, "interleave_probs"),
        ({"interleave_probs": "0,1", "mix_strategy": "interleave_over"}, "interleave_probs"),
        ({"mix_strategy": "interleave"}, "mix_strategy"),
    ],
)
def test_a_mix_that_cannot_be_names_the_key(keys, says):
    with pytest.raises(BadInput, match=says):
        validate({"dataset": "a,b", **keys})


def test_a_mix_comes_back_from_its_file(project, tmp_path):
    recipe = validate({"dataset": "a,b", "interleave_probs": [0.7, 0.3], "mix_strategy": "interleave_over"})
    (tmp_path / "r.yaml").write_text(dump(recipe))
    assert load(project, tmp_path / "r.yaml") == recipe and recipe.probabilities == [0.7, 0.3]
