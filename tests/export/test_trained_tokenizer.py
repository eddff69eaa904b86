"""An adapter that trained with another chat template than its base's: the export speaks as the training did."""

from __future__ import annotations

import json
import shutil

import pytest
from transformers import AutoTokenizer

from tarot_tui.export.adapter import Weighted
from tarot_tui.export.chat_template import chat_template, trained_with
from tarot_tui.export.merge import merge
from tarot_tui.export.template import template_of
from tarot_tui.export.tokenizer_files import instead
from tarot_tui.serving.gguf_header import read_header

OTHER = "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
WRITE = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.gguf import write_ggufs
base, adapter, target = map(Path, sys.argv[1:])
write_ggufs(base, [Weighted(adapter)], {"bf16": target}, name="tiny")
"""


@pytest.fixture
def adapter(tiny_llama, make_adapter, tmp_path):
    """An adapter with the tokenizer that trained, as trainers save it."""
    folder = make_adapter(tiny_llama, tmp_path / "adapter", target_modules=["q_proj"])
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(folder)
    return folder


def with_other_template(adapter, file: str) -> None:
    """Let ``adapter`` have trained with OTHER, kept in that file."""
    (adapter / "chat_template.jinja").unlink()
    if file == "chat_template.jinja":
        (adapter / file).write_text(OTHER)
    else:
        facts = json.loads((adapter / file).read_text())
        (adapter / file).write_text(json.dumps(facts | {"chat_template": OTHER}))


def test_the_same_tokenizer_saved_again_changes_nothing(tiny_llama, adapter):
    assert trained_with(tiny_llama, adapter) == adapter
    assert instead(tiny_llama, adapter, resized=False) is None


@pytest.mark.parametrize("file", ["chat_template.jinja", "tokenizer_config.json"])
def test_another_chat_template_is_in_the_file_and_in_the_folder(
    tiny_llama, adapter, in_child, tmp_path, file
):
    with_other_template(adapter, file)
    in_child(WRITE, tiny_llama, adapter, tmp_path / "tiny.gguf")
    merge(tiny_llama, [Weighted(adapter)], tmp_path / "merged")
    assert read_header(tmp_path / "tiny.gguf")["tokenizer.chat_template"] == OTHER
    assert chat_template(tmp_path / "merged") == OTHER
    assert "user: " in template_of(tmp_path / "merged").template
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template == OTHER


def test_another_end_of_an_answer_counts_too(tiny_llama, adapter):
    facts = json.loads((adapter / "tokenizer_config.json").read_text())
    (adapter / "tokenizer_config.json").write_text(json.dumps(facts | {"eos_token": "<|endoftext|>"}))
    assert instead(tiny_llama, adapter, resized=False) == adapter


def test_an_adapter_without_a_tokenizer_leaves_the_bases(tiny_llama, adapter):
    for path in adapter.iterdir():
        if not path.name.startswith("adapter_"):
            path.unlink() if path.is_file() else shutil.rmtree(path)
    assert instead(tiny_llama, adapter, resized=False) is None
