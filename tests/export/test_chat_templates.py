"""Jinja → Go: accepted only when equal, rejected when one character is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tarot_tui.export.chat_template import ChatTemplate, load
from tarot_tui.export.conversations import suite
from tarot_tui.export.template import Unconvertible, check, go_renderer, runtime_adds_bos, template_of


@dataclass(frozen=True)
class Style:
    """A template, its special tokens, whether the runtime adds a BOS, and the expected report."""

    source: str
    bos: str
    eos: str
    end: str
    adds_bos: bool
    mode: str
    trimmed: tuple[str, ...] = ()


STYLES = {
    "chatml": Style(
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<s>", "<|im_end|>", "<|im_end|>", False, "first",
    ),
    "chatml with a default": Style(
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\nBe {{kind}}.<|im_end|>\n' }}{% endif %}"
        "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "<s>", "<|endoftext|>", "<|im_end|>", False, "first",
    ),
    "llama3": Style(
        "{% set loop_messages = messages %}{% for message in loop_messages %}"
        "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}"
        "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", True, "first", ("system", "user", "assistant"),
    ),
    "llama2": Style(
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
        "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
        "{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content + ' [/INST]' }}"
        "{% else %}{{ ' ' + content + ' ' + eos_token }}{% endif %}{% endfor %}",
        "<s>", "</s>", "</s>", True, "first",
    ),
    "gemma": Style(
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
        "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
        "<bos>", "<eos>", "<end_of_turn>", True, "unsupported", ("user", "assistant"),
    ),
    "mistral": Style(
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}{%- set loop_messages = messages[1:] %}"
        "{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}{%- for message in loop_messages %}"
        "{%- if message['role'] == 'user' %}{%- if loop.last and system_message is defined %}"
        "{{- '[INST] ' + system_message + '\n\n' + message['content'] + '[/INST]' }}{%- else %}"
        "{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
        "{%- else %}{{- ' ' + message['content'] + eos_token}}{%- endif %}{%- endfor %}",
        "<s>", "</s>", "</s>", True, "last",
    ),
    "phi3": Style(
        "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        "<s>", "<|endoftext|>", "<|end|>", False, "first",
    ),
    "phi without a system": Style(
        "{% for message in messages %}{% if message.role != 'system' %}{{'<|' + message['role'] + '|>' + '\n' + message['content'] + '<|end|>\n' }}"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
        "<s>", "<|endoftext|>", "<|end|>", False, "ignored",
    ),
    "zephyr": Style(
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
        "<s>", "</s>", "</s>", True, "first",
    ),
    "thinking": Style(
        "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}"
        "{%- set ns = namespace(last_query_index=messages|length - 1) %}{%- for message in messages[::-1] %}"
        "{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step_tool is not defined and message.role == 'user' %}"
        "{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}"
        "{%- for message in messages %}{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
        "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- elif message.role == 'assistant' %}"
        "{%- set content = message.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
        "{%- if loop.index0 > ns.last_query_index %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' + content }}"
        "{%- else %}{{- '<|im_start|>assistant\\n' + content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        "<|endoftext|>", "<|im_end|>", "<|im_end|>", False, "first",
    ),
}  # fmt: skip

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
