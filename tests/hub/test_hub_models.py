"""``tarot-tui models``, against a hub on this machine that the hub's own client speaks to."""

from __future__ import annotations

import json

import pytest
from fakes.hub import Repository
from fakes.modelscope import FakeModelScope

from tarot_tui.jobs.find import all_jobs

NAME = "someone/tiny"


def test_a_model_is_fetched_as_a_job_listed_and_removed(tiny, project, say):
    get = ("--project", str(project.root), "models", "get", NAME)
    code, _out, err = say(*get)
    assert code == 3 and "--yes" in err and all_jobs(project) == []
    code, out, _err = say(*get, "--yes", "--json")
    found = json.loads(out)
    assert (code, found["state"]) == (0, "finished")
    assert all_jobs(project, "download")
    # Nothing that is pickled is ever fetched.
    assert not [path for path, _first in tiny.served if path.endswith(".bin")]
    (listed,) = json.loads(say("models", "list", "--json")[1])
    assert (listed["name"], listed["whole"]) == (NAME, True) and listed["size"] >= found["size"] > 0
    assert say("models", "rm", NAME)[0] == 3
    assert say("models", "rm", NAME, "--yes")[0] == 0
    assert json.loads(say("models", "list", "--json")[1]) == []


def test_a_gated_model_says_where_to_accept_its_terms(tiny, project, say):
    tiny.gated.add(NAME)
    code, _out, err = say("--project", str(project.root), "models", "get", NAME, "--yes")
    assert code == 2 and f"huggingface.co/{NAME}" in err and "tarot-tui login" in err


def test_what_the_hub_does_not_know_is_said(hub, project, say):
    code, _out, err = say("--project", str(project.root), "models", "get", "no/body", "--yes")
    assert code == 2 and "not on the hub" in err
    assert say("models", "rm", "no/body", "--yes")[0] == 2


def test_a_model_that_does_not_fit_is_refused_before(tiny, project, say, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 10, 10))
    code, _out, err = say("--project", str(project.root), "models", "get", NAME, "--yes")
    assert code == 3 and "HF_HOME" in err and all_jobs(project) == []


def test_a_search_finds_the_most_used_first_with_what_one_chooses_by(tiny, say):
    tiny.repositories[NAME].about = {
        "downloads": 5,
        "tags": ["license:mit", "safetensors"],
        "safetensors": {"parameters": {"BF16": 3_000_000}, "total": 3_000_000},
    }
    tiny.repositories["other/Tiny-2"] = Repository(False, about={"downloads": 90})
    tiny.gated.add("other/Tiny-2")
    code, out, _err = say("models", "search", "tiny", "--json")
    first, second = json.loads(out)
    assert code == 0 and (first["name"], first["gated"], first["size"]) == ("other/Tiny-2", True, 0)
    assert second == {
        "name": NAME, "parameters": 3_000_000, "size": 6_000_000, "license": "mit", "gated": False,
        "downloads": 5, "here": False,
    }  # fmt: skip
    shown = say("models", "search", "tiny")[1]
    assert "3 M" in shown and "gated" in shown
    assert "No model of that name" in say("models", "search", "nothing-like-it")[1]


def test_what_a_model_is_is_told_before_its_weights_are_fetched(tiny, say):
    tiny.repositories[NAME].about = {
        "tags": ["license:mit"],
        "safetensors": {"parameters": {"BF16": 7}, "total": 7},
    }
    code, out, _err = say("models", "show", NAME, "--json")
    found = json.loads(out)
    assert code == 0 and (found["license"], found["size"], found["here"]) == ("mit", 14, False)
    assert (found["architecture"], found["context"], found["system"]) == ("LlamaForCausalLM", 2048, "first")
    assert found["findings"] == []
    assert not [path for path, _first in tiny.served if path.endswith((".safetensors", ".bin"))]
    # What was looked at is not a model that could be trained.
    assert [one["whole"] for one in json.loads(say("models", "list", "--json")[1])] == [False]


def test_a_model_that_cannot_chat_or_be_converted_is_told_from_one_that_can(tiny, say):
    files = tiny.repositories[NAME].files
    del files["chat_template.jinja"]
    files["config.json"] = files["config.json"].replace(b"LlamaForCausalLM", b"TarotForCausalLM")
    code, out, _err = say("models", "show", NAME)
    assert code == 3 and "no chat template" in out and "TarotForCausalLM" in out


def test_a_gated_model_is_not_looked_into(tiny, say):
    tiny.gated.add(NAME)
    code, _out, err = say("models", "show", NAME)
    assert code == 2 and f"huggingface.co/{NAME}" in err


def test_a_folder_is_looked_at_without_a_hub(say, tiny_llama):
    code, out, _err = say("models", "show", str(tiny_llama), "--json")
    found = json.loads(out)
    assert code == 0 and found["here"] and found["parameters"] == 3_219_776
    assert say("models", "show", "neither this nor that")[0] == 2


def test_a_model_comes_from_modelscope_when_told_to(hub, project, say, tiny_llama, tmp_path, monkeypatch):
    pytest.importorskip("modelscope_hub", reason="ModelScope's client is an extra")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    with FakeModelScope() as scope:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", scope.url)
        scope.models[NAME] = {path.name: path.read_bytes() for path in tiny_llama.iterdir() if path.is_file()}
        code, out, _err = say(
            "--project", str(project.root), "models", "get", NAME, "--from", "modelscope", "--yes", "--json"
        )
    found = json.loads(out)
    assert (code, found["state"]) == (0, "finished")
    (listed,) = json.loads(say("models", "list", "--json")[1])
    assert (listed["name"], listed["whole"]) == (NAME, True) and listed["size"] >= found["size"] > 0
    assert say("models", "rm", NAME, "--yes")[0] == 0
    assert json.loads(say("models", "list", "--json")[1]) == []


def test_a_cache_that_is_a_file_is_one_sentence(hub, say, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "file"))
    code, _out, err = say("models", "list")
    assert code == 2 and "look at HF_HUB_CACHE" in err and err.count("\n") == 1
