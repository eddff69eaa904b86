"""What a chat gives back: mended where it can mean one thing only, refused with its place where not."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.data.synthesis import repair
from tarot_tui.data.synthesis.reply import Fault, Pair, read

#: Text as hostile to a JSON reader as it gets.
TEXT = st.text(st.sampled_from('a愚“”"\\,:{}[]\n\t` /n，：😀'), max_size=12).map(str.strip).filter(bool)
PAIRS = st.lists(st.builds(Pair, TEXT, TEXT, st.sampled_from(["1-ab12", "2-cd34"])), min_size=1, max_size=4)
PROSE = st.sampled_from(["", "好的，以下是結果：\n", "Sure! Here it is:\n\n", "[Note] as you asked:\n"])


@dataclass(frozen=True)
class Style:
    """How a chat window spoils JSON."""

    fence: str = ""
    before: str = ""
    after: str = ""
    curly: bool = False
    wide: bool = False
    trailing: bool = False
    no_commas: bool = False
    raw_lines: bool = False
    one_a_line: bool = False

    def text(self, text: str) -> str:
        quoted = json.dumps(text, ensure_ascii=False)[1:-1]
        if self.raw_lines:
            quoted = quoted.replace("\\n", "\n") if "\\\\" not in quoted else quoted
        return f"“{quoted}”" if self.curly else f'"{quoted}"'

    def object(self, pair: Pair) -> str:
        colon, comma = ("：", "，") if self.wide else (": ", ", ")
        fields = {"row": pair.mark, "question": pair.question, "answer": pair.answer}
        inner = comma.join(f"{self.text(key)}{colon}{self.text(value)}" for key, value in fields.items())
        return "{" + inner + ("," if self.trailing else "") + "}"

    def list(self, pairs: list[Pair]) -> str:
        objects = [self.object(pair) for pair in pairs]
        if self.one_a_line:
            body = "\n".join(objects)
        else:
            body = (
                "[" + ("\n" if self.no_commas else ",\n").join(objects) + ("," if self.trailing else "") + "]"
            )
        if self.fence:
            body = f"{self.fence}json\n{body}\n{self.fence}"
        return self.before + body + self.after


STYLES = st.builds(
    Style,
    fence=st.sampled_from(["", "```", "~~~"]),
    before=PROSE,
    after=st.sampled_from(["", "\n", "\n\nHope this helps! 😊"]),
    wide=st.booleans(),
    trailing=st.booleans(),
    no_commas=st.booleans(),
    raw_lines=st.booleans(),
    one_a_line=st.booleans(),
)  # fmt: skip


@settings(max_examples=200)
@given(PAIRS, STYLES)
def test_what_chat_windows_put_around_and_into_json_is_read_as_it_was_meant(pairs, style):
    assert read(style.list(pairs)).pairs == pairs


@settings(max_examples=200)
@given(PAIRS, STYLES)
def test_typographic_quotes_are_read_as_meant_or_refused(pairs, style):
    spoilt = Style(**{**style.__dict__, "curly": True}).list(pairs)
    if not any(mark in pair.question + pair.answer for pair in pairs for mark in "“”"):
        assert read(spoilt).pairs == pairs
        return
    with suppress(Fault):
        assert read(spoilt).pairs == pairs


@settings(max_examples=200)
@given(PAIRS, STYLES, st.data())
def test_a_reply_that_is_cut_off_loses_its_last_samples_only_or_is_refused(pairs, style, data):
    whole = style.list(pairs)
    part = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        found = read(part)
    except Fault:
        return
    assert found.pairs == pairs[: len(found.pairs)]
    assert found.cut or style.one_a_line or len(found.pairs) == len(pairs)


@settings(max_examples=500)
@given(st.text(st.sampled_from('a“”"\\,:{}[]\n` 1-.eutrfalsn'), max_size=40))
def test_no_text_at_all_makes_the_reader_fall_over(text):
    try:
        repair.read(text)
    except repair.Unclear as unclear:
        assert unclear.problem in repair.PROBLEMS and unclear.line >= 1 and unclear.column >= 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"question": "a",\n  "answer": "He said "hi" to me"}]', "line 2, column 23: a comma was expected"),
        ('{"question": "a", "question": "b", "answer": "c"}', "column 19: a key is there twice"),
        ("[{“question”: “a” b”, “answer”: “c”}]", "column 15: it is not clear where"),
        ('{"question": "a", "answer": "b"} {oops}', "column 34: something stands behind"),
        ("{'question': 'a'}", "no JSON in it"),
        ("I cannot do that.", "no JSON in it"),
        ('{"question": "a", "answer": "\\x"}', "column 30: a backslash"),
        ('{"question": "a", "ansver": "b"}', "sample 1 has the unknown key 'ansver'"),
        ('{"question": "a", "answer": ""}', "sample 1 has no answer"),
        ('{"question": "a", "answer": 3}', "'answer' must be text"),
        ('{"question": "a", "instruction": "b", "answer": "c"}', "both 'question' and 'instruction'"),
        ('["a", "b"]', "sample 1 is no object"),
        ('[{"question": "a", "ans', "cut off before the first sample"),
        ("[" * 50 + "]" * 49, "nested too deeply"),
        ("[]", "no sample in it"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_place(text, sentence):
    with pytest.raises(Fault, match=re.escape(sentence)):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"samples": [{"question": "q", "answer": "a"}]}',
        '[{"instruction": "q", "input": "", "output": "a", "system": "s"}]',
        '{"instruction": "", "input": "q", "output": "a"}',
        '[{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}]',
        '<think>Let me see: {"x": </think>{"question": "q", "answer": "a"}',
    ],
)
def test_the_layouts_that_people_ask_chats_for_are_understood(text):
    assert read(text).pairs == [Pair("q", "a")]


def test_half_an_emoji_becomes_something_that_a_file_can_hold():
    (pair,) = read('{"question": "q\\ud83d", "answer": "a\\ud83d\\ude00"}').pairs
    assert pair.question.encode() and pair.answer == "a😀"
