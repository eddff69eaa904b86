"""The conversations in a release: many kinds, no more than needed, and what both engines make of them."""

from __future__ import annotations

import json

import pytest
from fakes.chat_families import CONVERTED, FAMILIES, folder_of, model

from tarot_tui.export.chat_template import load
from tarot_tui.export.probes import probes
from tarot_tui.export.template import go_renderer, template_of

SYSTEM = "你是塔羅師。"


@pytest.mark.parametrize("name", CONVERTED)
def test_the_accepted_template_renders_them_word_for_word_as_they_are_sent(name, tmp_path):
    folder = folder_of(FAMILIES[name], tmp_path)
    report = template_of(folder)
    system = SYSTEM if report.system_mode in ("first", "last") else ""
    go, found = go_renderer(report.template), probes(folder, report, system)
    assert len(found) >= 5
    for one in found:
        assert go(one["messages"]) == one["prompt"]


def test_they_have_one_to_four_turns_with_and_without_a_system_prompt_and_every_kind_of_text(tmp_path):
    folder = folder_of(FAMILIES["chatml"], tmp_path)
    found = [one["messages"] for one in probes(folder, template_of(folder), SYSTEM)]
    assert {sum(m["role"] == "user" for m in messages) for messages in found} == {1, 2, 3, 4}
    systems = [messages[0]["content"] if messages[0]["role"] == "system" else None for messages in found]
    assert {None, SYSTEM} < set(systems) and len(set(systems)) == 3
    text = "".join(m["content"] for messages in found for m in messages)
    assert all(kind in text for kind in ("塔羅", "🔮", "{{", "{%", "\n\n", "\t", "\u3000", "Å"))
    assert any(m["content"] != m["content"].strip() for messages in found for m in messages)


def test_where_there_is_no_place_for_a_system_prompt_none_is_sent(tmp_path):
    folder = folder_of(FAMILIES["gemma-2"], tmp_path)
    found = probes(folder, template_of(folder), "")
    assert found and all(one["messages"][0]["role"] == "user" for one in found)


def test_messages_are_stripped_where_the_template_strips(tmp_path):
    folder = folder_of(FAMILIES["llama-3"], tmp_path)
    for one in probes(folder, template_of(folder), f" {SYSTEM}\n"):
        assert all(m["content"] == m["content"].strip() for m in one["messages"])


def test_a_long_system_prompt_does_not_make_the_release_huge(tmp_path):
    folder = folder_of(FAMILIES["chatml"], tmp_path)
    long = "塔" * 8000
    size = len(json.dumps(probes(folder, template_of(folder), long), ensure_ascii=False))
    assert size < 8 * len(long)


def test_a_template_with_the_date_has_them_too(tmp_path):
    folder = folder_of(FAMILIES["llama-3.1"], tmp_path)
    report = template_of(folder)
    assert report.template is None
    for one in probes(folder, report, SYSTEM):
        assert one["prompt"] == load(folder).render(one["messages"]).removeprefix("<|begin_of_text|>")


def test_a_template_that_cannot_be_rendered_has_none(tmp_path):
    folder = model(tmp_path / "m", "{{ raise_exception('no') }}", "<s>", "</s>", "</s>", False)
    assert probes(folder, template_of(folder), "") == []
