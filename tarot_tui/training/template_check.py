"""Whether a base's chat template is its own, and what it does with a system prompt. Asked of the template once, and kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tarot_tui.errors import Refused
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, cache_dir, write_text
from tarot_tui.text import one_line
from tarot_tui.training.recipe import Recipe

#: Marks of turns that are one token in the models they belong to: ChatML's, Llama 3's, Gemma's, gpt-oss's.
_MARKS = re.compile(
    r"<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|start|channel|message|end)\|>|<(?:start|end)_of_turn>"
)
#: What the answer rests on.
_FILES = ("chat_template.jinja", "tokenizer_config.json", "tokenizer.json")
_SYSTEM = "Q7XSYSTEMQ7X"
_ASKED = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


@dataclass(frozen=True)
class Template:
    """system: whether a system prompt is in what the template renders. foreign: marks it writes that the tokenizer does not
    know as one token each."""

    system: bool
    foreign: list[str]


def template_of(folder: Path) -> Template:
    """Of the base model in ``folder``. Raises BadInput as :func:`.encode.load_tokenizer` does."""
    digest = hashlib.sha256()
    for name in _FILES:
        with suppress(OSError):
            digest.update((folder / name).read_bytes())
    known = cache_dir() / "chat-templates" / f"{digest.hexdigest()}.json"
    with suppress(OSError, ValueError, TypeError):
        return Template(**json.loads(known.read_text("utf-8")))
    found = _look(folder)
    with suppress(OSError):
        known.parent.mkdir(parents=True, exist_ok=True)
        write_text(known, json.dumps(asdict(found)))
    return found


def findings(project: Project, recipe: Recipe, folder: Path) -> Iterator[Finding]:
    """What speaks against training on the base in ``folder`` with its own chat template."""
    template = template_of(folder)
    if template.foreign:
        yield Finding(
            "template.foreign",
            "warning",
            _(
                "The chat template of {model} writes {marks}, which its tokenizer does not know: it belongs to another family of models."
            ).format(model=one_line(recipe.model_name_or_path), marks=" ".join(template.foreign)),
        )
    if not template.system and (count := _with_system(project, recipe)):
        yield Finding(
            "template.system_ignored",
            "warning",
            _(
                "{count} samples have a system prompt, which the chat template of {model} leaves out: the model never sees it."
            ).format(count=count, model=one_line(recipe.model_name_or_path)),
        )


def _look(folder: Path) -> Template:
    from tarot_tui.training.encode import answers, load_tokenizer

    tokenizer = load_tokenizer(folder)
    system = True  # a template that refuses one says so of the very sample that has it
    with suppress(Refused):
        system = _SYSTEM in answers(tokenizer, [{"role": "system", "content": _SYSTEM}, *_ASKED])[0]
    try:
        text = answers(tokenizer, _ASKED)[0]
    except Refused:
        text = ""
    marks = list(dict.fromkeys(_MARKS.findall(text)))
    return Template(
        system, [mark for mark in marks if len(tokenizer(mark, add_special_tokens=False)["input_ids"]) > 1]
    )


def _with_system(project: Project, recipe: Recipe) -> int:
    from tarot_tui.data.dataset import conversations

    return sum(
        any(message["role"] == "system" for message in said)
        for name in recipe.dataset
        for said in conversations(project, name)[: recipe.max_samples]
    )
