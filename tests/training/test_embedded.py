"""The embedded model is what the wheel promises, and a folder that everybody's tools can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tarot_tui.errors import BadInput
from tarot_tui.training import base, embedded


@pytest.fixture(scope="module")
def tokenizer(smollm2: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(smollm2)


def test_numbers_are_split_into_digits_as_smollm2_was_trained(tokenizer):
    assert tokenizer.tokenize("in 1984 or 20 26") == [
        "in",
        "Ġ",
        "1",
        "9",
        "8",
        "4",
        "Ġor",
        "Ġ",
        "2",
        "0",
        "Ġ",
        "2",
        "6",
    ]


def test_text_of_any_script_survives_the_tokenizer(tokenizer):
    text = "愚者 🃏 The Fool — 78 cards,\ttwo  spaces\n"
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_folder_can_be_read_by_transformers_4_and_holds_no_traces_of_this_machine(smollm2: Path):
    found = json.loads((smollm2 / "tokenizer_config.json").read_text())
    assert found["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (
        found["model_max_length"]
        == json.loads((smollm2 / "config.json").read_text())["max_position_embeddings"]
    )
    assert not {"is_local", "local_files_only"} & set(found)


def test_a_whole_folder_is_prepared_once(smollm2: Path):
    said: list[str] = []
    assert embedded.prepare(said.append) == smollm2
    assert said == []


def test_a_folder_is_located_by_its_path_and_relative_to_the_project(smollm2: Path, tmp_path: Path):
    (tmp_path / "base").symlink_to(smollm2)
    assert base.locate("base", root=tmp_path) == smollm2.resolve()
    assert base.locate(str(smollm2)) == smollm2.resolve()


def test_the_embedded_model_is_found_by_its_name_without_the_hub(smollm2: Path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert base.locate(base.EMBEDDED) == smollm2


def test_what_a_folder_lacks_is_named(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadInput, match=r"lacks \*\.safetensors, tokenizer\.json"):
        base.locate(str(tmp_path))


def test_a_missing_shard_is_named(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model-1.safetensors").write_text("")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match=r"lacks model-2\.safetensors"):
        base.check(tmp_path)


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing", "../x y"])
def test_a_path_that_leads_nowhere_is_one_sentence(name: str, tmp_path: Path):
    with pytest.raises(BadInput, match="no such folder"):
        base.locate(name, root=tmp_path)


def test_a_hub_name_offline_says_what_can_be_done(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="tarot-tui models get"):
        base.locate("nobody/nothing-at-all", root=tmp_path)


def test_a_hub_that_never_answers_is_given_up_in_time(monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert not base.reachable(seconds=0.3)


def test_the_fingerprint_changes_with_the_shape_of_the_weights(tiny_llama: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tiny_llama.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert base.fingerprint(copy) == base.fingerprint(tiny_llama)
    with open(copy / "model.safetensors", "ab") as file:
        file.write(b"\0")
    assert base.fingerprint(copy) != base.fingerprint(tiny_llama)
