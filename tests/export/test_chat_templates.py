"""Jinja → Go: accepted only when equal, rejected when one character is wrong."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tarot_tui.export.chat_template import ChatTemplate, load
from tarot_tui.export.conversations import suite
from tarot_tui.export.template import Unconvertible, check, go_renderer, runtime_adds_bos, template_of

_spec = importlib.util.spec_from_file_location("chat_styles", Path(__file__).parent / "chat_styles.py")
chat_styles = importlib.util.module_from_spec(_spec)
__import__("sys").modules["chat_styles"] = chat_styles
_spec.loader.exec_module(chat_styles)
STYLES, UNCONVERTIBLE = chat_styles.STYLES, chat_styles.UNCONVERTIBLE
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def model(folder: Path, source: str, bos: str, eos: str, end: str, adds_bos: bool) -> Path:
    """A model folder as far as templates go."""
    folder.mkdir(exist_ok=True)
    added = [{"id": i, "content": token} for i, token in enumerate(dict.fromkeys([bos, eos, end]))]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    config = {"bos_token": {"content": bos}, "eos_token": eos, "add_bos_token": adds_bos}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").write_text(source)
    ids = [token["id"] for token in added if token["content"] in (eos, end)]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    return folder


@pytest.fixture(params=STYLES)
def style(request, tmp_path):
    found = STYLES[request.param]
    return found, model(tmp_path / "m", found.source, found.bos, found.eos, found.end, found.adds_bos)


def test_each_familys_style_is_converted_and_understood(style):
    expected, folder = style
    report = template_of(folder)
    assert report.reason == ""
    assert report.system_mode == expected.mode
    assert report.trimmed == expected.trimmed
    assert report.stops == tuple(dict.fromkeys([expected.end, expected.eos]))
    no_system = any(finding.id == "template.no_system" for finding in report.findings)
    assert no_system == (expected.mode in ("ignored", "unsupported"))


def test_the_bos_is_printed_once(style):
    expected, folder = style
    printed = load(folder).render([{"role": "user", "content": "q"}]).startswith(expected.bos)
    for adds in (True, False):
        go = go_renderer(template_of(folder, adds_bos=adds).template)
        assert go([{"role": "user", "content": "q"}]).startswith(expected.bos) == (printed and not adds)
    report = template_of(folder, adds_bos=True)
    assert any(finding.id == "template.bos_added" for finding in report.findings) == (not printed)


@pytest.mark.parametrize("name", STYLES)
def test_a_template_with_one_character_changed_is_rejected(name, tmp_path):
    style = STYLES[name]
    folder = model(tmp_path / "m", style.source, style.bos, style.eos, style.end, style.adds_bos)
    report, jinja = template_of(folder), load(folder)
    skip = (
        len(style.bos)
        if style.adds_bos and jinja.render([{"role": "user", "content": "q"}]).startswith(style.bos)
        else 0
    )
    arguments = (jinja, skip, report.system_mode, report.trimmed, report.stops)
    assert check(report.template, *arguments) is None
    accepted = []
    for place, character in enumerate(report.template):
        changed = report.template[:place] + ("~" if character != "~" else "!") + report.template[place + 1 :]
        try:
            if check(changed, *arguments) is None:
                accepted.append(changed)
        except Unconvertible:
            continue  # no longer a Go template
    assert accepted == []


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


@pytest.mark.parametrize("name", STYLES)
def test_our_sandbox_renders_as_that_of_transformers(name):
    from transformers.utils.chat_template_utils import render_jinja_template

    style = STYLES[name]
    tokens = {"bos_token": style.bos, "eos_token": style.eos}
    jinja = ChatTemplate(style.source, tokens)
    for messages in suite(system=style.mode in ("first", "last")):
        for prompt in (True, False):
            theirs, _ = render_jinja_template(
                [messages], chat_template=style.source, add_generation_prompt=prompt, **tokens
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
