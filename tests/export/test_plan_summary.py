"""A plan told in groups: nothing is left out, and the dry run writes nothing."""

from __future__ import annotations

import json

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import Refused
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.merge import merge
from tarot_tui.export.plan import planned
from tarot_tui.export.summary import describe, preview
from tarot_tui.jobs.spec import create


def groups_of(base, adapter):
    with planned(base, [Weighted(adapter)]) as (checkpoint, plan, _config):
        return describe(plan, checkpoint)


def test_layers_are_told_as_one_and_everything_is_counted(base, adapter):
    groups = {group.pattern: group for group in groups_of(base, adapter)}
    query = groups["model.layers.*.self_attn.q_proj.weight"]
    assert query.count == 2 and query.what == "a product of rank 8 added, times 2"
    assert query.size == 2 * 64 * 64 * 2
    assert groups["*"].what == "copied as they are" and groups["*"].count == 7
    assert sum(group.count for group in groups.values()) == 2 * 9 + 3


def test_layers_that_differ_are_told_apart(base, make_adapter, tmp_path):
    adapter = make_adapter(
        base, tmp_path / "adapter", target_modules=["q_proj"], rank_pattern={"layers.1.self_attn.q_proj": 3}
    )
    told = [(group.count, group.what) for group in groups_of(base, adapter)[:-1]]
    assert told == [
        (1, "a product of rank 8 added, times 2"),
        (1, "a product of rank 3 added, times 5.333"),
    ]


def test_every_form_is_told(make_llama, make_adapter, tmp_path):
    base = make_llama(tmp_path / "base", tie_word_embeddings=True, attention_bias=True)
    tokens = {"embed_tokens": [4, 7]}
    dora = make_adapter(
        base, tmp_path / "dora", use_dora=True, target_modules=["q_proj"], bias="lora_only", trainable_token_indices=tokens
    )  # fmt: skip
    told = {group.pattern: group.what for group in groups_of(base, dora)}
    assert "DoRA" in told["model.layers.*.self_attn.q_proj.weight"]
    assert told["model.layers.*.self_attn.q_proj.bias"] == "replaced as a whole"
    assert told["model.embed_tokens.weight"] == "the rows of 2 trained tokens replaced"
    head = make_adapter(base, tmp_path / "head", target_modules=["q_proj", "lm_head"], lora_bias=False)
    assert "a tensor of its own" in {g.pattern: g.what for g in groups_of(base, head)}["lm_head.weight"]
    grown = make_adapter(
        base, tmp_path / "grown", resize=331, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]
    )  # fmt: skip
    assert (
        "331 rows instead of 320"
        in {g.pattern: g.what for g in groups_of(base, grown)}["model.embed_tokens.weight"]
    )


def test_the_size_told_is_the_size_written(make_llama, make_adapter, tmp_path):
    base = make_llama(tmp_path / "base", tie_word_embeddings=True)
    adapter = make_adapter(base, tmp_path / "adapter", target_modules=["q_proj", "lm_head"])
    told = preview(base, [Weighted(adapter)], [], merge=True).sizes["merged"]
    merge(base, [Weighted(adapter)], tmp_path / "merged")
    written = (tmp_path / "merged/model.safetensors").stat().st_size
    assert told < written < told + 5000  # the header


def test_a_dry_run_tells_and_writes_nothing(project, base, adapter, copy_of, capsys, monkeypatch):
    run = create(project, "train", "try-it", ["-"], {"base": str(base), "base_fingerprint": None})
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (run / name).write_bytes((adapter / name).read_bytes())
    before = sorted(project.root.rglob("*"))
    monkeypatch.chdir(project.root)
    assert main(["export", run.name, "--merge", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "model.layers.*.mlp.up_proj.weight" in said and "merged:" in said
    assert main(["export", run.name, "--quant", "q8_0", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"].keys() == {"q8_0"} and told["changes"][-1]["what"] == "copied as they are"
    assert sorted(project.root.rglob("*")) == before
    (run / "adapter_config.json").write_text('{"peft_type": "LOHA"}')
    assert main(["export", run.name, "--dry-run"]) == Refused.exit_code
    assert "LOHA" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["q9", "q8_0,nothing"])
def test_a_dry_run_knows_the_quantisations(project, base, monkeypatch, capsys, name):
    monkeypatch.chdir(project.root)
    assert main(["export", "--base", str(base), "--quant", name, "--dry-run"]) == 2
    assert "is not a quantisation" in capsys.readouterr().err
