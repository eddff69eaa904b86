"""The card of a merged folder: of the model, not of its base."""

from __future__ import annotations

import pytest
import yaml

from tarot_tui.export.card import Subject, public_name, write_card

FACTS = {"system": "你是塔羅師。", "stops": ["<|im_end|>"]}
REQUEST = {"lora_rank": 8, "learning_rate": 1e-4, "dataset_sha256": {"deck": "ab" * 32}, "token": "hf_secret"}


@pytest.fixture
def merged(tmp_path):
    """A merged folder, and beside it the base."""
    for name in ("merged", "base"):
        (tmp_path / name).mkdir()
    (tmp_path / "base/README.md").write_text("---\nlicense: gemma\n---\n# The base\n")
    return tmp_path / "merged"


def subject(merged, **changes):
    known = {"kind": "merged", "name": "tarot", "base": "org/base", "base_folder": merged.parent / "base"}
    return Subject(**known | {"facts": FACTS, "request": REQUEST} | changes)


def read(merged):
    _empty, front, body = (merged / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_card_names_base_licence_recipe_and_data(merged):
    write_card(merged, subject(merged))
    front, body = read(merged)
    assert (front["license"], front["base_model"]) == ("gemma", "org/base")
    assert (front["base_model_relation"], front["library_name"]) == ("finetune", "transformers")
    assert "# tarot" in body and "# The base" not in body
    assert "| `lora_rank` | 8 |" in body and "ab" * 32 in body and "> 你是塔羅師。" in body
    assert "hf_secret" not in body
    assert not (merged / "LICENSE").exists()  # the base brought none


def test_the_licence_comes_along(merged):
    (merged.parent / "base/LICENSE").write_text("MIT License\n")
    (merged.parent / "base/README.md").unlink()
    write_card(merged, subject(merged))
    assert (merged / "LICENSE").read_text() == "MIT License\n"
    assert read(merged)[0]["license"] == "mit"


def test_a_model_of_unknown_origin_has_a_card_too(merged):
    write_card(merged, subject(merged, facts={}, request={}, base_folder=None))
    front, body = read(merged)
    assert front["license"] == "other" and "Training" not in body


def test_the_hub_is_told_of_no_base_that_it_does_not_have(merged):
    write_card(merged, subject(merged, base="my-llama"))
    front, body = read(merged)
    assert not {"base_model", "base_model_relation"} & front.keys()
    assert "my-llama" in body


@pytest.mark.parametrize(
    ("model", "name"),
    [("org/base", "org/base"), ("/home/me/secret/llama", "llama"), ("./a/b", "b"), ("~/b", "b"), ("b", "b")],
)
def test_folders_of_this_machine_are_not_told(model, name):
    assert public_name(model) == name
