"""Jinja → Go: accepted only when equal, rejected when one character is wrong."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tarot_tui.export.chat_template import CannotRender, ChatTemplate, load
from tarot_tui.export.conversations import suite
from tarot_tui.export.special import runtime_adds_bos
from tarot_tui.export.template import Rendering, Unconvertible, check, go_renderer, template_of


@dataclass(frozen=True)
class Family:
    """A template in the style of a family, its special tokens, whether the runtime adds a BOS, the expected report.

    reason: a word of why there is no Go template; None where there is one.
    """

    source: str
    bos: str
    eos: str
    end: str
    adds_bos: bool
    mode: str
    trimmed: list[str]
    thoughts: str | None = None
    reason: str | None = None


_FOLDER = Path(__file__).parent / "chat_templates"
FAMILIES = {
    name: Family((_FOLDER / f"{name}.jinja").read_text("utf-8"), **facts)
    for name, facts in json.loads((_FOLDER / "families.json").read_text("utf-8")).items()
}
CONVERTED = [name for name, family in FAMILIES.items() if family.reason is None]

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


def folder_of(family: Family, tmp_path: Path) -> Path:
    return model(tmp_path / "m", family.source, family.bos, family.eos, family.end, family.adds_bos)


def rendering_of(folder: Path, family: Family) -> tuple[str, Rendering]:
    """The accepted Go template, and what it was compared with."""
    report, jinja = template_of(folder), load(folder)
    printed = jinja.render([{"role": "user", "content": "q"}]).startswith(family.bos)
    skip = len(family.bos) if family.adds_bos and printed else 0
    found = Rendering(jinja, skip, report.system_mode, report.trimmed, report.thoughts, report.stops)
    return report.template, found


@pytest.mark.parametrize("name", FAMILIES)
def test_each_familys_template_is_converted_and_understood_or_refused(name, tmp_path):
    family = FAMILIES[name]
    report = template_of(folder_of(family, tmp_path))
    assert report.system_mode == family.mode
    no_system = any(finding.id == "template.no_system" for finding in report.findings)
    assert no_system == (family.mode in ("ignored", "unsupported"))
    if family.reason:
        assert report.template is None and family.reason in report.reason
        assert report.ollama == "0.30.0"
    else:
        assert report.template and report.reason == ""
        assert list(report.trimmed) == family.trimmed and report.thoughts == family.thoughts
        assert report.stops == tuple(dict.fromkeys([family.end, family.eos]))
        assert report.ollama == ("" if family.thoughts is None else "0.9.0")


@pytest.mark.parametrize("name", CONVERTED)
def test_the_bos_is_printed_once(name, tmp_path):
    family = FAMILIES[name]
    folder = folder_of(family, tmp_path)
    printed = load(folder).render([{"role": "user", "content": "q"}]).startswith(family.bos)
    for adds in (True, False):
        go = go_renderer(template_of(folder, adds_bos=adds).template)
        assert go([{"role": "user", "content": "q"}]).startswith(family.bos) == (printed and not adds)
    report = template_of(folder, adds_bos=True)
    assert any(finding.id == "template.bos_added" for finding in report.findings) == (not printed)


def meaning(source: str) -> str:
    """A Go template's syntax tree without its places in the text: equal ones render everything alike."""
    from gotpl.parse import parse_template

    tree = re.sub(r", (start|end)=\d+", "", repr(parse_template(source, name="t").root))
    # A literal is its value, however it is quoted; and outside of a range, `$.System` is `.System`.
    tree = re.sub(r", quoted='[^']*'", "", tree)
    return re.sub(r"FieldNode\(fields=\('System',\)\)", "VariableNode(name='$', fields=('System',))", tree)


def changes(source: str) -> list[str]:
    """``source`` with one character wrong: each in turn, one way or another.

    Replaced, left out, doubled, made another case, moved on by a space, or made the one behind it in Unicode.
    """
    found = []
    for place, character in enumerate(source):
        before, after = source[:place], source[place + 1 :]
        near = chr(ord(character) + 1)
        other = "~" if character != "~" else "!"
        ways = [other, near, character.swapcase(), "", character * 2, f" {character}"]
        ways = [way for way in ways if way != character]
        found.append(before + ways[place % len(ways)] + after)
    return found


@pytest.mark.parametrize("name", CONVERTED)
def test_a_template_with_one_character_changed_is_rejected(name, tmp_path):
    from gotpl.errors import TemplateError

    family = FAMILIES[name]
    source, rendering = rendering_of(folder_of(family, tmp_path), family)
    assert check(source, rendering) is None
    meant, accepted = meaning(source), []
    for changed in changes(source):
        try:
            if check(changed, rendering) is None and meaning(changed) != meant:
                accepted.append(changed)
        except (Unconvertible, TemplateError):
            continue  # no longer a Go template
    assert accepted == []


@pytest.mark.parametrize("name", CONVERTED)
def test_a_tokenizers_template_with_one_character_changed_gets_another_go_template_or_none(name, tmp_path):
    family = FAMILIES[name]
    folder = folder_of(family, tmp_path)
    source, rendering = rendering_of(folder, family)
    conversations = list(suite(system=rendering.mode in ("first", "last"), lookalikes=rendering.stops))[::7]
    for place in range(0, len(family.source), max(1, len(family.source) // 12)):
        changed = family.source[:place] + "~" + family.source[place + 1 :]
        try:
            jinja = ChatTemplate(changed, rendering.jinja.tokens)
            same = all(jinja.render(one) == rendering.jinja.render(one) for one in conversations)
        except CannotRender:
            continue
        if not same:
            assert check(source, replace(rendering, jinja=jinja)) is not None


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
