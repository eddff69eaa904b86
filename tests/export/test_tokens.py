"""llama.cpp's tokens against those that trained: equal where they are, and told where they are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tarot_tui.export.template import template_of
from tarot_tui.export.tokens import TEXTS, compare, findings


@pytest.fixture(scope="module")
def vocabulary(smollm2, in_child, tmp_path_factory) -> Path:
    """SmolLM2's vocabulary as llama.cpp's converter writes it: a GGUF without tensors."""
    path = tmp_path_factory.mktemp("vocabulary") / "smollm2.gguf"
    code = """
import sys
from pathlib import Path
from tarot_tui.export import converter
from tarot_tui.export.adapter import check_base
base, target = map(Path, sys.argv[1:])
converter.activate(converter.fetch(lambda line: None))
with converter.view(base, check_base(base)) as folder:
    kind, settings = converter.model_class(folder)
    import gguf
    kind(folder, gguf.LlamaFileType.MOSTLY_BF16, target, hparams=settings).write_vocab()
"""
    in_child(code, smollm2, path)
    return path


def patched(gguf: Path, target: Path, before: bytes, after: bytes) -> Path:
    """A copy with one place changed, to something of the same length."""
    data = gguf.read_bytes()
    assert data.count(before) == 1 and len(before) == len(after)
    target.write_bytes(data.replace(before, after))
    return target


def test_equal_vocabularies_are_equal_on_everything(vocabulary, smollm2):
    trained = [[{"role": "user", "content": "愚者？"}, {"role": "assistant", "content": "新的開始。"}]] * 3
    found = compare(smollm2, vocabulary, trained=trained, stops=("<|im_end|>",))
    assert found.prompts == found.texts == found.unknown_stops == []
    assert (
        found.compared > len(TEXTS) + 2 * 17 + 3 * 3
    )  # its added tokens alone and in a text, the trained ones
    (only,) = findings(smollm2, vocabulary)
    assert only.id == "tokens.equal" and only.severity == "ok"


def test_a_wrong_pre_tokenizer_is_seen_by_the_digits(vocabulary, smollm2, tmp_path):
    wrong = patched(
        vocabulary, tmp_path / "wrong.gguf", b"\x06" + bytes(7) + b"smollm", b"\x06" + bytes(7) + b"falcon"
    )
    found = compare(smollm2, wrong)
    assert any("123" in one["text"] for one in found.texts)
    (worst, *_rest) = findings(smollm2, wrong)
    assert worst.id == "tokens.prompts" and "≠" in worst.evidence


def test_a_bos_too_many_is_seen_in_every_conversation(vocabulary, smollm2, tmp_path):
    key = b"tokenizer.ggml.add_bos_token" + (7).to_bytes(4, "little")
    doubled = patched(vocabulary, tmp_path / "bos.gguf", key + b"\0", key + b"\1")
    folder = shutil.copytree(smollm2, tmp_path / "tokenizer", ignore=shutil.ignore_patterns("*.safetensors"))
    # A template that prints no BOS was trained without one.
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    )
    assert compare(folder, vocabulary).prompts == []
    found = compare(folder, doubled)
    assert found.texts == [] and len(found.prompts) > 30
    # One that does print it gets it from the runtime instead.
    (folder / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
    )
    assert compare(folder, doubled).prompts == []


def test_a_bos_that_was_not_trained_is_asked_for_by_no_file_of_ours(smollm2, make_llama, in_child, tmp_path):
    # Eight rows more than SmolLM2 has tokens: of its very size the converter believes that it wants no BOS.
    folder = make_llama(tmp_path / "llama", vocab_size=49160, tie_word_embeddings=True)
    shutil.copyfile(smollm2 / "tokenizer.json", folder / "tokenizer.json")
    config = json.loads((smollm2 / "tokenizer_config.json").read_text())
    config |= {"add_bos_token": True, "bos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    code = """
import sys
from pathlib import Path
from tarot_tui.export.gguf import write_ggufs
(written,) = write_ggufs(Path(sys.argv[1]), [], {"f16": Path(sys.argv[2])}, name="m", say=lambda line: None)
print(written.adds_bos)
"""
    for template, asked in [("", False), ("{{ bos_token }}", True)]:
        (folder / "chat_template.jinja").write_text(
            template + "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
        )
        gguf = tmp_path / f"{asked}.gguf"
        assert in_child(code, folder, gguf).split()[-1] == str(asked)
        assert compare(folder, gguf).prompts == []
        report = template_of(folder, adds_bos=asked)
        assert report.bos == ("runtime" if asked else "nobody")
        assert "<|endoftext|>" not in report.template


def test_a_stop_that_is_no_token_is_told(vocabulary, smollm2):
    (finding,) = findings(smollm2, vocabulary, stops=("<|im_end|>", "<|stop here|>"))
    assert finding.id == "tokens.stop" and "<|stop here|>" in finding.text


def test_a_file_that_is_no_model_is_one_sentence(smollm2, tmp_path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(range(200)))
    (finding,) = findings(smollm2, tmp_path / "broken.gguf")
    assert finding.id == "tokens.unproven" and "broken.gguf" in finding.evidence
