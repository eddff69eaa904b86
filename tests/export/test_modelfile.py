from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.export.modelfile import modelfile, parse

TEMPLATE = "{{if .System}}<s>\n{{.System}}\n{{end}}"


def test_what_is_written_is_read_back():
    text = modelfile(
        "m-q8_0.gguf", TEMPLATE, '說 "好"。\n\n# no comment', ["<|im_end|>", "\\n"], {"num_ctx": 4096}
    )
    assert parse(text) == [
        ("model", "./m-q8_0.gguf"),
        ("template", TEMPLATE),
        ("system", '說 "好"。\n\n# no comment'),
        ("num_ctx", "4096"),
        ("stop", "<|im_end|>"),
        ("stop", "\\n"),
    ]


@pytest.mark.parametrize(
    "system",
    [
        "ideographic\u3000space",
        "no\u00a0break",
        "👩\u200d💻",
        'three """ quotes',
        "soft\u00adhyphen",
        "line\u2028separator",
    ],
)
def test_what_ollama_would_read_differently_is_not_written(system):
    assert modelfile("m.gguf", None, system, [], {}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM x\n# c\nfrom  y\n", [("model", "x"), ("model", "y")]),
        ('PARAMETER stop "a b"\nparameter num_ctx 1', [("stop", "a b"), ("num_ctx", "1")]),
        ('SYSTEM """a\n"b" c"""', [("system", 'a\n"b" c')]),
        ("SYSTEM plain words here\n", [("system", "plain words here")]),
        ("WHAT x", None),
        ('SYSTEM """never closed\n', None),
        ("FROM", None),
        ("", []),
    ],
)
def test_the_grammar(text, expected):
    assert parse(text) == expected


@given(st.text(), st.text(), st.lists(st.text(), max_size=2))
def test_never_a_modelfile_that_says_something_else(template, system, stops):
    text = modelfile("m.gguf", template, system, stops, {})
    if text is not None:
        expected = [("model", "./m.gguf")]
        expected += [("template", template)] if template else []
        expected += [("system", system)] if system else []
        assert parse(text) == expected + [("stop", stop) for stop in stops]
