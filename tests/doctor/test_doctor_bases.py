"""The base models that recipes name: may they be had? Asked of a hub on this machine."""

from __future__ import annotations

import importlib.util

import pytest
from fakes.hub import TOKEN, FakeHub, Repository

from tarot_tui.doctor import bases, hub


@pytest.fixture
def recipes(project, monkeypatch, tmp_path):
    """Writes recipes that name these models, in a project whose cache is empty."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    def write(*names: str):
        project.recipes.mkdir(exist_ok=True)
        for number, name in enumerate(names):
            (project.recipes / f"r{number}.yaml").write_text(f"model_name_or_path: {name}\ndataset: cards\n")
        return project.root

    return write


def test_open_gated_and_unknown_models_are_told_apart(recipes):
    folder = recipes("open/one", "gated/two", "no/three", "open/one")
    with FakeHub() as server:
        server.repositories |= {"open/one": Repository(False), "gated/two": Repository(False)}
        server.gated.add("gated/two")
        found = list(bases.check(server.url, TOKEN, folder))
    assert [finding.id for finding in found] == ["base", "base.gated", "base.missing"]
    assert "huggingface.co/gated/two" in found[1].fix and "tarot-tui login" in found[1].fix
    assert all(TOKEN not in str(finding) for finding in found)


def test_what_is_on_this_machine_or_is_a_folder_is_not_asked_about(recipes, tmp_path, project):
    (project.root / "models/mine").mkdir(parents=True, exist_ok=True)
    snapshot = tmp_path / "cache/models--open--one/snapshots/abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    folder = recipes("open/one", "models/mine", "/somewhere/else")
    assert list(bases.check("http://127.0.0.1:9", None, folder)) == []


def test_broken_recipes_and_a_hub_that_is_away_are_others_business(recipes, project):
    folder = recipes("open/one")
    (project.recipes / "broken.yaml").write_text("a: [")
    (project.recipes / "number.yaml").write_text("model_name_or_path: 7\n")
    assert list(bases.check("http://127.0.0.1:9", None, folder)) == []


@pytest.mark.parametrize(
    ("status", "code", "logged_in", "found"),
    [
        (200, "", True, "base"),
        (403, "GatedRepo", False, "base.gated"),
        (401, "GatedRepo", True, "base.gated"),
        (401, "", False, "base.missing"),
        (404, "RepoNotFound", True, "base.missing"),
        (500, "", True, "base.unknown"),
        (429, "\x1b[2J", False, "base.unknown"),
    ],
)
def test_every_answer_of_the_hub_means_something(status, code, logged_in, found):
    finding = bases.judge("meta-llama/Llama-3.1-8B-Instruct", status, code, logged_in)
    assert finding.id == found and "\x1b" not in finding.evidence


def test_with_modelscope_wanted_that_is_what_is_asked(monkeypatch):
    monkeypatch.setenv("USE_MODELSCOPE_HUB", "1")
    with FakeHub() as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.url)
        there = hub.modelscope(server.url)
        assert {finding.id for finding in hub.check()} >= {there.id}
    away = hub.modelscope("http://127.0.0.1:9")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    lacking = hub.modelscope(server.url)
    assert (there.id, away.id, lacking.id) == ("hub.modelscope", "hub.unreachable", "hub.modelscope_client")
    assert "tarot-tui[modelscope]" in lacking.fix
