"""GGUF files explained: sound ones, faulty ones, and what no writer ever wrote."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.export.inspect import TYPES, inspect

TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.fixture
def make(tmp_path):
    """Writes a GGUF with gguf's own writer; ``leave_out`` keys are not written."""

    def write(leave_out=(), name="m.gguf", **more):
        import numpy as np
        from gguf import GGMLQuantizationType, GGUFWriter

        path = tmp_path / name
        writer = GGUFWriter(path, "llama")
        writer.add_context_length(2048)
        values = {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.chat_template": "{{ messages }}",
        } | more
        for key, value in values.items():
            if key not in leave_out:
                writer.add_bool(key, value) if isinstance(value, bool) else writer.add_string(key, value)
        if "eos" not in leave_out:
            writer.add_eos_token_id(2)
        writer.add_token_list(["a", "b", "c"])
        writer.add_tensor("token_embd.weight", np.ones((4, 64), np.float32))
        writer.add_tensor("blk.0.w", np.zeros((2, 68), np.uint8), raw_dtype=GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


def ids(path):
    return [finding.id for finding in inspect(path).findings]


def test_a_sound_file_is_explained_and_nothing_is_wrong_with_it(make, capsys):
    path = make()
    found = inspect(path)
    assert found.findings == [] and found.value("context_length") == 2048
    assert found.parameters == 4 * 64 + 2 * 64 and found.types() == [("F32", 1, 1024), ("Q8_0", 1, 136)]
    assert found.metadata["tokenizer.ggml.tokens"] == "[3]"
    assert main(["release", "inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2048 tokens" in out and "Nothing is wrong" in out
    assert main(["release", "inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["types"][1] == {"type": "Q8_0", "tensors": 1, "bytes": 136}


@pytest.mark.parametrize(
    ("leave_out", "more", "id"),
    [
        (("tokenizer.chat_template",), {}, "gguf.no_template"),
        (("eos",), {}, "gguf.no_eos"),
        (("tokenizer.ggml.pre",), {}, "gguf.no_pre"),
        (("tokenizer.ggml.model",), {}, "gguf.no_tokenizer"),
        ((), {"tokenizer.chat_template": TEMPLATE, "tokenizer.ggml.add_bos_token": True}, "gguf.two_bos"),
    ],
)
def test_what_will_go_wrong_is_said(make, leave_out, more, id):
    assert ids(make(leave_out, **more)) == [id]


def test_a_file_that_was_cut_off_is_told(make, capsys):
    path = make()
    path.write_bytes(path.read_bytes()[:-200])
    assert ids(path) == ["gguf.truncated"]
    assert main(["release", "inspect", str(path)]) == 1


def test_every_type_has_a_size_that_llama_cpp_uses():
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    for kind, (name, values, bytes_) in TYPES.items():
        known = GGMLQuantizationType(kind)
        assert known.name == name and GGML_QUANT_SIZES[known] == (values, bytes_)


def test_metadata_of_a_stranger_reaches_the_terminal_harmlessly(make, capsys):
    path = make(**{"general.name": "evil\x1b[2J\nname", "tokenizer.chat_template": "\x1b]0;title\x07{{ x }}"})
    main(["release", "inspect", str(path)])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04",
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62),
        # A key whose value is an array of arrays of arrays … without end.
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50,
        # An array that says it has more elements than the file has bytes.
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 50),
    ],
)  # fmt: skip
def test_a_trap_is_one_sentence(tmp_path, data):
    path = tmp_path / "trap.gguf"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="not a GGUF"):
        inspect(path)


@settings(max_examples=200)
@given(st.data())
def test_no_damage_is_more_than_a_finding_or_a_sentence(make, data):
    path = make()
    whole = bytearray(path.read_bytes())
    for _change in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(4, len(whole)))])
    with contextlib.suppress(BadInput):
        inspect(path)
