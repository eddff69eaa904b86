"""Base models from ModelScope: fetched by its own client, found again, and every failure in one sentence."""

from __future__ import annotations

import pytest
from fakes.modelscope import FakeModelScope

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.training import base, modelscope

pytest.importorskip("modelscope_hub", reason="ModelScope's client is an extra")
NAME = "Qwen/Tarot-0.1B"


@pytest.fixture
def hub(tmp_path, monkeypatch, tiny_llama):
    with FakeModelScope() as fake:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", fake.url)
        monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
        monkeypatch.setenv(modelscope.VARIABLE, "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        files = {path.name: path.read_bytes() for path in tiny_llama.iterdir() if path.is_file()}
        fake.models[NAME] = files | {"pytorch_model.bin": b"pickled", "modeling_tarot.py": b"import os"}
        yield fake


def test_a_model_is_fetched_once_without_pickles_and_code(hub, tiny_llama):
    found = base.locate(NAME, lambda _line: None)
    assert (found / "model.safetensors").read_bytes() == (tiny_llama / "model.safetensors").read_bytes()
    assert not {"pytorch_model.bin", "modeling_tarot.py"} & {path.name for path in found.iterdir()}
    sent = len(hub.served)
    assert base.locate(NAME, lambda _line: None) == found and len(hub.served) == sent


def test_what_was_fetched_is_found_when_the_hub_is_the_other_one_again(hub, monkeypatch):
    found = base.locate(NAME, lambda _line: None)
    monkeypatch.delenv(modelscope.VARIABLE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert base.locate(NAME, lambda _line: None) == found


def test_half_a_model_counts_as_none_and_is_gone_on_with(hub):
    found = base.locate(NAME, lambda _line: None)
    (found / "model.safetensors").unlink()
    hub.served.clear()
    assert base.in_cache(NAME) is None
    assert base.check(base.locate(NAME, lambda _line: None))
    assert hub.served == ["model.safetensors"]


def test_a_connection_that_breaks_is_one_sentence():
    from modelscope_hub.errors import NetworkError

    with pytest.raises(TarotError, match="goes on where it stopped"), modelscope._in_our_words(NAME):
        raise NetworkError("https://www.modelscope.cn?token=secret broke")


def test_an_unknown_and_a_private_model_are_one_sentence(hub):
    with pytest.raises(BadInput, match="is not on ModelScope"):
        base.locate("nobody/nothing", lambda _line: None)
    hub.private.add(NAME)
    with pytest.raises(BadInput, match="MODELSCOPE_API_TOKEN"):
        base.locate(NAME, lambda _line: None)


def test_without_the_client_the_command_is_said(hub, monkeypatch):
    monkeypatch.setattr(modelscope, "find_spec", lambda _name: None)
    with pytest.raises(BadInput, match=r"pip install 'tarot-tui\[modelscope\]'"):
        base.locate(NAME, lambda _line: None)
