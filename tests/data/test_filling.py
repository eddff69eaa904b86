"""Patterns made ready for a table give what they give row by row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data import filling, samples
from tarot_tui.data.template import Pattern

COLUMNS = ["A", "牌 名", "C%s"]

literals = st.text(st.characters(exclude_characters="{}", exclude_categories=("Cs",)), max_size=8)
fields = st.lists(
    st.one_of(literals, st.sampled_from([f"{{{name}}}" for name in COLUMNS]), st.just("{{%}}"))
).map("".join)
patterns = st.builds(
    Pattern,
    instruction=fields.map(lambda text: text + "?"),
    output=fields.map(lambda text: text + "."),
    input=fields,
    system=fields,
)
cells = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@given(st.lists(patterns, min_size=1, max_size=3), st.tuples(cells, cells, cells), st.booleans())
def test_a_row_s_samples_are_those_of_its_patterns_one_by_one(found, row, with_system):
    filled = [one.fill(dict(zip(COLUMNS, row, strict=True)), with_system=with_system) for one in found]
    expected = [samples.as_text(sample) for sample in filled if sample]
    assert filling.ready(found, COLUMNS, with_system=with_system)(row) == expected
