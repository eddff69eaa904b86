"""Jinja → Go: every family is followed exactly, or refused with the reason."""

from __future__ import annotations

import json

import pytest
from fakes.chat_families import CONVERTED, FAMILIES, folder_of, model

from tarot_tui.export.chat_template import ChatTemplate, load
from tarot_tui.export.conversations import suite
from tarot_tui.export.special import runtime_adds_bos
from tarot_tui.export.template import go_renderer, template_of

#: Templates that no Go template can follow, with a word of the reason.
UNCONVERTIBLE = {
    "date": (
        "{{ strftime_now('%d %b %Y') }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "date",
    ),
    "position": (
        "{% for m in messages %}{{ loop.index }}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "where it stands",
    ),
    "repeats": ("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}", "repeated"),
    "upper": ("{% for m in messages %}<|{{ m.role }}|>{{ m.content|upper }}<|end|>{% endfor %}", "left out"),
    "length": (
        "{% for m in messages %}<|{{ m.role }}|>{{ 'LONG' if m.content|length > 40 }}{{ m.content }}<|end|>{% endfor %}<|assistant|>",
        "renders",
    ),
    "word": (
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content|replace('[INST]', '') }}<|end|>{% endfor %}<|assistant|>",
        "renders",
    ),
    "first of many": (
        "{% if messages|length > 6 %}<|long|>{% endif %}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>"
        "{% endfor %}<|assistant|>",
        "renders",
    ),
    "raises": ("{{ raise_exception('no') }}", "no"),
    "escapes the sandbox": ("{{ messages.__class__.__mro__ }}", "unsafe"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_familys_template_is_converted_and_understood_or_refused(name, tmp_path):
    family = FAMILIES[name]
    report = template_of(folder_of(family, tmp_path))
    assert report.system_mode == family.mode
    assert report.stops == tuple(dict.fromkeys([family.end, family.eos]))
    no_system = any(finding.id == "template.no_system" for finding in report.findings)
    assert no_system == (family.mode in ("ignored", "unsupported"))
    if family.reason:
        assert report.template is None and family.reason in report.reason
        assert report.ollama == "0.30.0"
    else:
        assert report.template and report.reason == ""
        assert list(report.trimmed) == family.trimmed and report.thoughts == family.thoughts
        assert report.ollama == ("" if family.thoughts is None else "0.9.0")


@pytest.mark.parametrize("name", CONVERTED)
def test_the_bos_is_printed_once(name, tmp_path):
    family = FAMILIES[name]
    folder = folder_of(family, tmp_path)
    printed = load(folder).render([{"role": "user", "content": "q"}]).startswith(family.bos)
    for adds in (True, False):
        report = template_of(folder, adds_bos=adds)
        prompt = go_renderer(report.template)([{"role": "user", "content": "q"}])
        assert prompt.startswith(family.bos) == (printed and not adds)
        added = any(finding.id == "template.bos_added" for finding in report.findings)
        assert added == (adds and not printed)


@pytest.mark.parametrize("name", UNCONVERTIBLE)
def test_what_go_cannot_follow_is_refused_with_the_reason(name, tmp_path):
    source, reason = UNCONVERTIBLE[name]
    report = template_of(model(tmp_path / "m", source, "<s>", "</s>", "<|end|>", False))
    assert report.template is None
    assert reason in report.reason and "\n" not in report.reason
    assert "</s>" in report.stops


def test_a_model_without_a_template_is_told_from_a_broken_one(tmp_path):
    folder = model(tmp_path / "m", "{% for %}", "<s>", "</s>", "</s>", False)
    assert "not valid Jinja" in template_of(folder).reason
    (folder / "chat_template.jinja").unlink()
    assert "no chat template" in template_of(folder).reason


def test_smollm2_is_rendered_as_by_its_tokenizer(smollm2):
    from transformers import AutoTokenizer

    tokenizer, jinja = AutoTokenizer.from_pretrained(smollm2), load(smollm2)
    report = template_of(smollm2)
    go = go_renderer(report.template)
    for messages in suite(system=True, lookalikes=report.stops):
        expected = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert jinja.render(messages) == expected == go(messages)
    assert report.system_mode == "first" and report.stops == ("<|im_end|>",)


@pytest.mark.parametrize("name", FAMILIES)
def test_our_sandbox_renders_as_that_of_transformers(name):
    from transformers.utils.chat_template_utils import render_jinja_template

    family = FAMILIES[name]
    tokens = {"bos_token": family.bos, "eos_token": family.eos}
    jinja = ChatTemplate(family.source, tokens)
    for messages in list(suite(system=family.mode in ("first", "last")))[::9]:
        for prompt in (True, False):
            theirs, _ = render_jinja_template(
                [messages], chat_template=family.source, add_generation_prompt=prompt, **tokens
            )
            assert jinja.render(messages, prompt=prompt) == theirs[0]


def test_who_adds_the_bos_is_read_as_llama_cpp_reads_it(smollm2, tmp_path):
    assert runtime_adds_bos(smollm2) is False
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    processor = {"type": "TemplateProcessing", "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}]}
    for tokenizer, said, expected in [
        ({"post_processor": {"processors": [{"type": "ByteLevel"}, processor]}}, None, True),
        ({"post_processor": processor}, False, False),
        ({"model": {"byte_fallback": True}}, None, True),
        ({"model": {"byte_fallback": False}}, None, False),
    ]:
        (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
        config = {"bos_token": "<s>"} | ({} if said is None else {"add_bos_token": said})
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        assert runtime_adds_bos(tmp_path) is expected
