"""A sample as a text to edit, and back: nothing changes that was not edited, and what is no sample is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data import dataset, editing, registry
from tarot_tui.data.preview import Preview
from tarot_tui.errors import BadInput

LETTERS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=9)
TEXT = st.lists(LETTERS | st.sampled_from(["\n", "=== output ===", "\n====", "== a ==\n"]), max_size=5).map(
    "".join
)
ALPACA = registry.Entry(
    "a",
    "alpaca",
    {"prompt": "q", "query": "i", "response": "a", "system": "s", "history": "h"},
    {},
    None,
    None,
    (),
)
TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}
CHAT = registry.Entry("c", "sharegpt", {"messages": "conversations", "system": "s"}, TAGS, None, None, ())


@given(q=TEXT, i=TEXT, a=TEXT, s=TEXT, h=st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=2))
def test_an_alpaca_sample_that_was_not_touched_is_the_same(q, i, a, s, h):
    raw = {"q": q, "i": i, "a": a, "s": s, "h": h, "source": "kept"}
    assert editing.from_text(ALPACA, raw, editing.to_text(ALPACA, raw)) == raw


@given(
    turns=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3),
    system=TEXT,
    where=st.sampled_from(["column", "message", ""]),
)
def test_a_conversation_that_was_not_touched_is_the_same(turns, system, where):
    said = [
        {"from": role, "value": text, "n": 1}
        for pair in turns
        for role, text in zip(("human", "gpt"), pair, strict=True)
    ]
    raw = {"conversations": [{"from": "system", "value": system}] * (where == "message") + said}
    if where == "column":
        raw["s"] = system
    assert editing.from_text(CHAT, raw, editing.to_text(CHAT, raw)) == raw


@pytest.mark.parametrize(("text", "says"), [
    ("no heading at all", "must begin with a heading"),
    ("=== answer ===\nx", "no part 'answer'"),
    ("=== instruction ===\nx\n=== instruction ===\ny\n=== output ===\nz", "'instruction' twice"),
    ("=== earlier question ===\nx\n=== output ===\nz", "needs its 'earlier answer'"),
])  # fmt: skip
def test_what_is_no_sample_is_refused_in_a_sentence(text, says):
    with pytest.raises(BadInput, match=says):
        editing.from_text(ALPACA, {"q": "x", "a": "y"}, text)


def test_one_part_can_be_set_alone(project):
    raw = {"q": "x", "a": "y", "extra": 1}
    assert editing.with_values(ALPACA, raw, {"output": "=== z ==="}) == {
        "q": "x",
        "a": "=== z ===",
        "extra": 1,
    }
    chat = {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": "y"}]}
    assert editing.with_values(CHAT, chat, {"assistant": "z"})["conversations"][1]["value"] == "z"


@settings(max_examples=20)
@given(st.integers(1, 40))
def test_a_preview_searches_what_samples_are_now(project, registered, changed):
    registered(
        "deck",
        [{"instruction": f"card {n}", "output": "moon" if n % 9 == 0 else "sun"} for n in range(1, 41)],
    )
    (project.data / "deck.edits.jsonl").unlink(missing_ok=True)
    preview = Preview(project, "deck")
    now = {n: dataset.as_messages(preview.entry, n, preview.raw(n))[1]["content"] for n in range(1, 41)}
    now[changed] = "sun" if now[changed] == "moon" else "Moonlight"
    preview.change([changed], "edit", preview.raw(changed) | {"output": now[changed]})
    preview.settle()
    for begin in (1, changed, changed + 1):
        expected = [n for n in range(begin, 41) if "moon" in now[n].lower()]
        assert preview.find("MOON", begin) == (expected[0] if expected else None)
    assert preview.sample(changed).state == "edited"
    preview.close()


def test_a_preview_shows_what_cannot_be_read_and_why(project, registered):
    registered("odd", '{"instruction": "a", "output": "b"}\n{"output": 5}\nnonsense\n', file_name="odd.jsonl")
    preview = Preview(project, "odd")
    assert preview.sample(1).messages[1]["content"] == "b"
    assert "must be text" in preview.sample(2).problem and json.loads(preview.sample(2).text) == {"output": 5}
    assert "not valid JSON" in preview.sample(3).problem and preview.sample(3).text == "nonsense"
    preview.change([2], "drop")
    assert preview.settle().sample(2).state == "dropped"
    with pytest.raises(BadInput, match="there is no sample 4"):
        preview.sample(4)
