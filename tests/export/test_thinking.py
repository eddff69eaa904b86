"""Models that think when told to: a warning where serving tells them otherwise than the training did."""

from __future__ import annotations

import pytest
from fakes.chat_families import FAMILIES, model

from tarot_tui.export.chat_template import load
from tarot_tui.export.slots import system_mode
from tarot_tui.export.thinking import about_thinking

_EACH = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
#: Qwen 3's way: told not to think, the answer begins with empty thoughts.
_ON = (
    _EACH
    + "<|assistant|>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
)
#: The way of hybrids that think only when told to.
_OFF = _EACH + "<|assistant|>{% if not enable_thinking %}<think></think>{% else %}<think>{% endif %}"
#: Told neither, it is a third thing.
_NEITHER = _EACH + "<|assistant|>{{ enable_thinking if enable_thinking is defined else 'auto' }}"
#: Only a system prompt says what was told.
_IN_SYSTEM = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% if m.role == 'system' and enable_thinking %}/think{% endif %}<|end|>{% endfor %}<|assistant|>"
)


def found(source: str, tmp_path) -> tuple:
    jinja = load(model(tmp_path / "m", source, "<s>", "</s>", "<|end|>", False))
    return about_thinking(jinja, system_mode(jinja))


@pytest.mark.parametrize("source", [_EACH, _ON, FAMILIES["qwen3"].source, FAMILIES["deepseek-r1"].source])
def test_nothing_is_said_where_serving_asks_as_the_training_did(source, tmp_path):
    assert found(source, tmp_path) == (None, [])


@pytest.mark.parametrize("source", [_OFF, _IN_SYSTEM])
def test_a_model_that_was_trained_without_thinking_is_to_be_chatted_with_so(source, tmp_path):
    thinking, (finding,) = found(source, tmp_path)
    assert thinking is False
    assert finding.id == "template.thinks" and finding.severity == "warning"
    assert "nothink" in finding.fix


def test_where_neither_is_what_was_trained_no_switch_is_offered(tmp_path):
    thinking, (finding,) = found(_NEITHER, tmp_path)
    assert thinking is None and finding.fix == ""
