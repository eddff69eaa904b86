"""Patterns made ready for a table give what they say, read naively row by row."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data import filling, samples
from tarot_tui.data.template import Exchange, Pattern

COLUMNS = ["A", "牌 名", "C%s"]

literals = st.text(st.characters(exclude_characters="{}[]\0", exclude_categories=("Cs",)), max_size=8)
column = st.sampled_from([f"{{{name}}}" for name in COLUMNS])
optional = st.tuples(literals, column, literals).map(lambda parts: f"[{''.join(parts)}]")
fields = st.lists(st.one_of(literals, column, optional, st.just("{{%}}"), st.just("[[x]]"))).map("".join)
asked = fields.map(lambda text: text + "?")
patterns = st.builds(
    Pattern,
    instruction=asked.map(lambda text: [text]),
    output=fields.map(lambda text: text + "."),
    input=fields,
    system=fields,
    then=st.lists(st.builds(Exchange, instruction=asked, output=asked), max_size=2),
)
cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)

SIGN = re.compile(r"(\{\{|\}\}|\[\[|\]\])|\[([^\[\]]*)\]|\{([^{}]*)\}")


def filled(text, row):
    """The text with its cells, and the columns outside of brackets."""
    needed = []

    def put(sign):
        doubled, inner, name = sign.groups()
        if doubled:
            return doubled[0]
        if name is not None:
            needed.append(name)
            return row[name]
        within, columns = filled(inner, row)
        return within if all(row[one] for one in columns) else ""

    return SIGN.sub(put, text), needed


def expected(pattern, row):
    exchanges = [(pattern.instruction[0], pattern.output), *pattern.exchanges]
    said = []
    for exchange in exchanges:
        texts = [filled(text, row) for text in exchange]
        if not all(row[name] for _text, needed in texts for name in needed):
            break
        said.append([text for text, _needed in texts])
    if not said:
        return None
    return {
        "instruction": said[-1][0],
        "input": filled(pattern.input, row)[0],
        "output": said[-1][1],
        "system": filled(pattern.system, row)[0],
        "history": said[:-1],
    }


@given(st.lists(patterns, min_size=1, max_size=3), st.tuples(cells, cells, cells))
def test_a_row_s_samples_are_those_of_its_patterns_one_by_one(found, values):
    row = dict(zip(COLUMNS, values, strict=True))
    wanted = [sample for pattern in found if (sample := expected(pattern, row))]
    made = filling.ready(found, COLUMNS, with_system=True, with_history=True)(values)
    assert made == [samples.as_text(sample) for sample in wanted]
    assert [json.loads(text) for text in made] == wanted


@given(st.lists(st.tuples(cells, cells, cells)), st.integers(0, 2**32 - 1))
def test_one_paraphrase_is_chosen_by_what_is_in_the_row_and_the_seed(rows, seed):
    pattern = Pattern(instruction=["a {A}", "b {A}", "c {A}"], output="{牌 名}", paraphrases="one")
    fill = filling.ready([pattern], COLUMNS, with_system=False, seed=seed)
    once = [fill(row) for row in rows]
    # Rows that come or go beside it do not change what a row gives.
    assert [fill(row) for row in reversed(rows)] == once[::-1]
    assert all(len(made) == bool(row[0] and row[1]) for made, row in zip(once, rows, strict=True))


def test_every_paraphrase_has_its_turn():
    pattern = Pattern(instruction=["a", "b", "c"], output="{A}", paraphrases="one")
    fill = filling.ready([pattern], ["A"], with_system=False, seed=1)
    asked = [json.loads(fill([str(number)])[0])["instruction"] for number in range(300)]
    assert {one: asked.count(one) > 60 for one in "abc"} == dict.fromkeys("abc", True)
