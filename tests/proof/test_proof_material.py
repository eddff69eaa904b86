"""What a proof compares with: the tokenizer that trained, which need not be the base's."""

from __future__ import annotations

import json
import shutil

from tarot_tui.export.release import Release
from tarot_tui.proof.material import collect
from tarot_tui.proof.reference import tokens_of

OTHER = "{% for m in messages %}<|card|>{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"


def test_an_adapter_that_brought_its_own_tokenizer_is_held_against_that_one(project, tiny_llama, tmp_path):
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder in (base, adapter):
        shutil.copytree(tiny_llama, folder)
    (base / "chat_template.jinja").unlink()  # a base that never learned to chat
    (adapter / "chat_template.jinja").write_text(OTHER)
    facts = json.loads((adapter / "tokenizer.json").read_text("utf-8"))
    card = {"id": 49152, "content": "<|card|>", "special": True}
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    facts["added_tokens"].append(card | plain)
    (adapter / "tokenizer.json").write_text(json.dumps(facts), "utf-8")
    release = Release(
        name="reader", folder=tmp_path, ggufs={}, template=None, system="", stops=[], parameters={}, base="base",
        run="", facts={"base": {"folder": str(base)}, "adapters": [{"folder": str(adapter), "weight": 1}]},
    )  # fmt: skip
    found = collect(project, release)
    assert found.tokenizer == adapter and "<|card|>" in found.texts
    assert tokens_of(found.tokenizer, ["<|card|>"]) == [[49152]]
