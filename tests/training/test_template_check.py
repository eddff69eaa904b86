"""What a plan says of a base's chat template before anything is trained with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tarot_tui.training.encode import load_tokenizer
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.template_check import Template, template_of

_TURNS = "{% for m in messages %}BEGIN{{ m.role }}\n{{ m.content }}END{% endfor %}{% if add_generation_prompt %}BEGINassistant\n{% endif %}"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def with_template(tiny_llama: Path, tmp_path: Path):
    """A copy of the tiny model with another chat template."""

    def copy(template: str) -> Path:
        folder = tmp_path / "other"
        shutil.copytree(tiny_llama, folder)
        (folder / "chat_template.jinja").write_text(template)
        return folder

    return copy


def test_a_models_own_template_has_nothing_said_against_it(tiny_llama):
    assert template_of(tiny_llama) == Template(system=True, foreign=[])


def test_marks_of_another_family_are_told_from_words(with_template):
    llama = _TURNS.replace("BEGIN", "<|start_header_id|>").replace("END", "<|eot_id|>")
    folder = with_template(llama)
    assert template_of(folder).foreign == ["<|start_header_id|>", "<|eot_id|>"]
    assert len(load_tokenizer(folder)("<|im_start|>", add_special_tokens=False)["input_ids"]) == 1


def test_a_system_prompt_that_the_model_never_sees_is_said_before_the_training(
    cards, tiny_recipe, with_template
):
    own = _TURNS.replace("BEGIN", "<|im_start|>").replace("END", "<|im_end|>")
    folder = with_template(own.replace("in messages %}", "in messages if m.role != 'system' %}"))
    said = [
        {"role": "system", "content": "You read cards."},
        {"role": "user", "content": "The Fool?"},
        {"role": "assistant", "content": "Begin."},
    ]
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user"}
    tags |= {"assistant_tag": "assistant", "system_tag": "system"}
    (cards.data / "wise.json").write_text(json.dumps([{"messages": said}] * 3))
    info = json.loads((cards.data / "dataset_info.json").read_text())
    info["wise"] = {
        "file_name": "wise.json", "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags,
    }  # fmt: skip
    (cards.data / "dataset_info.json").write_text(json.dumps(info))
    recipe = tiny_recipe(model_name_or_path=str(folder), dataset="cards,wise")
    found = {finding.id: finding.text for finding in plan_in_child(cards, recipe).findings}
    assert "3 samples have a system prompt" in found["template.system_ignored"]
    assert "template.foreign" not in found
    assert not any(
        one.id.startswith("template.")
        for one in plan_in_child(cards, recipe.model_copy(update={"dataset": ["cards"]})).findings
    )
