"""What the figures of a proof mean."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.proof.judge import Agreement, Position, agreement, divergence, verdict

GOOD, MIDDLING, BAD = (
    Agreement(100, 0.001, 0.01, 1.0),
    Agreement(100, 0.05, 0.2, 0.97),
    Agreement(100, 0.5, 2.0, 0.8),
)


def position(*shares: float) -> Position:
    return Position({token: math.log(share) for token, share in enumerate(shares)})


def test_a_divergence_is_that_of_kullback_and_leibler():
    one, other = position(0.5, 0.25, 0.25), position(0.25, 0.5, 0.25)
    expected = 0.5 * math.log(2) + 0.25 * math.log(0.5)
    assert divergence(one, other) == pytest.approx(expected)


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8), st.lists(st.floats(0.01, 1), min_size=2, max_size=8)
)
def test_it_is_never_negative_and_nothing_only_for_the_same(left, right):
    one, other = (position(*(share / sum(shares) for share in shares)) for shares in (left, right))
    assert divergence(one, other) >= 0
    assert divergence(one, one) == pytest.approx(0, abs=1e-9)


def test_tokens_that_only_one_lists_count_as_one():
    # 0.9 is listed by both; the rest has other names on either side.
    one = Position({1: math.log(0.9), 2: math.log(0.1)})
    other = Position({1: math.log(0.9), 3: math.log(0.1)})
    assert divergence(one, other) == pytest.approx(0, abs=1e-9)


def test_the_same_likeliest_token_is_counted():
    found = agreement([position(0.6, 0.4), position(0.6, 0.4)], [position(0.7, 0.3), position(0.4, 0.6)])
    assert found.top1 == 0.5 and found.positions == 2 and found.worst > found.kl > 0


def test_positions_that_are_missing_are_no_agreement():
    with pytest.raises(ValueError, match="zip"):
        agreement([position(1.0)], [])
    with pytest.raises(ValueError, match="no positions"):
        agreement([], [])


@pytest.mark.parametrize(
    ("quants", "words"),
    [
        ({}, "not measured"),
        ({"q8_0": GOOD}, "answers agree"),
        ({"q8_0": GOOD, "q4_k_m": MIDDLING}, "close to"),
        ({"q8_0": GOOD, "q2_k": BAD}, "Use q8_0: q2_k changes"),
        ({"q2_k": BAD}, "--quant q8_0"),
    ],
)
def test_the_verdict_is_one_sentence_with_advice(quants, words):
    said = verdict(quants, prompts=True, tokens=True)
    assert words in said and "\n" not in said


def test_another_prompt_or_other_tokens_outweigh_everything():
    assert "prompts differ" in verdict({"q8_0": GOOD}, prompts=False, tokens=True)
    assert "tokens differ" in verdict({"q8_0": GOOD}, prompts=True, tokens=False)
