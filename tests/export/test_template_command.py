"""``tarot-tui template``: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

from tarot_tui.cli import main
from tarot_tui.export.template import template_of

_DATES = Path(__file__).parent / "chat_templates/llama-3.1.jinja"


def test_the_template_is_printed_alone_when_quiet(smollm2, capsys):
    assert main(["template", str(smollm2), "-q"]) == 0
    assert capsys.readouterr().out == template_of(smollm2).template + "\n"


def test_what_it_does_with_a_conversation_is_said(smollm2, capsys):
    assert main(["template", str(smollm2)]) == 0
    out = capsys.readouterr().out
    assert "system prompt: before the first question" in out
    assert "an answer ends with: <|im_end|>" in out
    assert main(["template", str(smollm2), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["system_mode"] == "first" and found["stops"] == ["<|im_end|>"] and found["reason"] == ""


def test_a_refusal_has_its_reason_and_exit_code_3(tmp_path, capsys):
    (tmp_path / "chat_template.jinja").write_bytes(_DATES.read_bytes())
    assert main(["template", str(tmp_path)]) == 3
    said = capsys.readouterr()
    assert "date of the day" in said.err and "needs Ollama 0.30.0" in said.out
    assert main(["template", str(tmp_path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["template"] is None
    assert main(["template", str(tmp_path / "nowhere")]) == 2


def test_a_model_that_cannot_chat_is_refused(tmp_path, capsys):
    (tmp_path / "tokenizer.json").write_text("{}")
    assert main(["template", str(tmp_path)]) == 3
    assert "no chat template" in capsys.readouterr().err


def test_a_folder_of_something_else_is_not_called_a_model(tmp_path, capsys):
    (tmp_path / "cat.jpg").touch()
    assert main(["template", str(tmp_path)]) == 2
    assert "tokenizer.json" in capsys.readouterr().err
