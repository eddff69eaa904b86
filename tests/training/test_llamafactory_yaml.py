"""A recipe as the YAML that LLaMA-Factory reads, and back."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.training import recipe as recipes
from tarot_tui.training.device import Device
from tarot_tui.training.importing import import_text
from tarot_tui.training.importing.names import SHARED
from tarot_tui.training.llamafactory_yaml import as_yaml as llamafactory_yaml
from tarot_tui.training.llamafactory_yaml import translate

T4 = Device("cuda", "0", "Tesla T4", 16 * 10**9, 15 * 10**9, bf16=False)


def _shared() -> st.SearchStrategy[dict]:
    names = st.lists(st.from_regex(r"[A-Za-z][\w-]{0,8}", fullmatch=True), min_size=1, max_size=3)
    real = {"allow_nan": False, "allow_infinity": False}
    return st.fixed_dictionaries(
        {
            "dataset": names,
            "model_name_or_path": st.sampled_from(["Qwen/Qwen3-8B", "o/m", "google/gemma-2-2b-it"]),
            "bf16": st.just(False),
            "fp16": st.booleans(),
        },
        optional={
            "val_size": st.floats(0, 0.99, **real) | st.integers(2, 50),
            "max_samples": st.none() | st.integers(1, 10**6),
            "cutoff_len": st.integers(8, 10**6),
            "lora_rank": st.integers(1, 1024),
            "lora_alpha": st.none() | st.integers(1, 4096),
            "lora_dropout": st.floats(0, 0.99, **real),
            "lora_target": st.lists(st.sampled_from(["q_proj", "v_proj"]), min_size=1) | st.just(["all"]),
            "quantization_bit": st.sampled_from([None, 4, 8]),
            "gradient_checkpointing": st.booleans(),
            "per_device_train_batch_size": st.integers(1, 64),
            "gradient_accumulation_steps": st.integers(1, 64),
            "learning_rate": st.floats(1e-12, 1, **real),
            "num_train_epochs": st.floats(1e-6, 100, **real),
            "max_steps": st.sampled_from([-1, 1, 500]),
            "lr_scheduler_type": st.sampled_from(["linear", "cosine", "constant"]),
            "warmup_ratio": st.floats(0, 0.99, **real),
            "warmup_steps": st.integers(0, 1000),
            "use_rslora": st.booleans(),
            "use_dora": st.booleans(),
            "loraplus_lr_ratio": st.none() | st.floats(1e-3, 1000, **real),
            "additional_target": st.lists(st.sampled_from(["embed_tokens", "lm_head"])),
            "neftune_noise_alpha": st.none() | st.floats(1e-3, 1000, **real),
            "flash_attn": st.sampled_from(["auto", "disabled", "sdpa", "fa2"]),
            "adam_beta2": st.floats(0, 0.9999, **real),
            "report_to": st.sampled_from(["none", "tensorboard", "wandb"]),
            "group_by_length": st.booleans(),
            "weight_decay": st.floats(0, 1, **real),
            "max_grad_norm": st.floats(1e-6, 10, **real),
            "seed": st.integers(0, 2**32 - 1),
            "logging_steps": st.integers(1, 1000),
            "save_steps": st.integers(1, 1000),
        },
    )


@settings(max_examples=60)
@given(_shared())
@example(
    {"dataset": ["no"], "model_name_or_path": "o/m", "bf16": False, "fp16": False, "learning_rate": 1e-5}
)
def test_to_llamafactory_and_back_every_shared_key_keeps_its_value(project, values):
    made = recipes.validate(values)
    precision = "fp16" if made.fp16 else "fp32"
    text = llamafactory_yaml(translate(project, made, precision, project.root / "saves"))
    back = recipes.validate(import_text(project, text, "given", (), T4).original)
    assert back.alpha == made.alpha
    # Said to it where they follow from other keys.
    followed = {"eval_steps", "per_device_eval_batch_size"}
    if made.warmup_steps:
        followed.add("warmup_ratio")  # which then has no part in anything
    for name in set(SHARED) - {"lora_alpha", *followed}:
        assert getattr(back, name) == getattr(made, name), name
    assert back.gradient_checkpointing == made.gradient_checkpointing


def test_llamafactory_is_told_what_it_would_get_wrong_by_itself(project):
    made = recipes.validate(
        {"dataset": "a", "quantization_bit": 4, "val_size": 1, "gradient_checkpointing": False}
    )
    found = translate(project, made, "bf16", project.root / "saves" / "a b")
    args = yaml.safe_load(llamafactory_yaml(found))
    assert args["quantization_method"] == "bnb" and args["bf16"] is True and args["lora_alpha"] == 32
    assert args["val_size"] == 2 and args["eval_steps"] == 100 and args["per_device_eval_batch_size"] == 2
    assert args["disable_gradient_checkpointing"] is True and args["dataset_dir"] == str(project.data)
    assert "template" not in args and args["trust_remote_code"] is False
    assert {finding.id for finding in found.findings} >= {"llamafactory.val_size", "llamafactory.spaces"}
    without = yaml.safe_load(
        llamafactory_yaml(translate(project, recipes.validate({"dataset": "a"}), "bf16", project.root))
    )
    assert without["eval_strategy"] == "no" and "quantization_method" not in without
    with pytest.raises(BadInput, match="not both"):
        translate(project, made.model_copy(update={"eval_dataset": ["b"]}), "bf16", project.root)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("google/gemma-2-2b-it", "gemma2"),
        ("google/gemma-2b-it", "gemma"),
        ("google/gemma-3-4b-it", None),
        ("o/m", None),
    ],
)
def test_the_template_is_the_models_own_but_for_those_it_cannot_read(project, model, name):
    made = recipes.validate({"dataset": "a", "model_name_or_path": model})
    assert translate(project, made, "bf16", project.root).args.get("template") == name


def test_show_prints_the_yaml_for_llamafactory(project, capsys):
    (project.recipes / "r.yaml").write_text("dataset: a\nbf16: false\nfp16: false\n")
    assert main(["recipe", "show", "r", "--as", "llamafactory", "--project", str(project.root)]) == 0
    args = yaml.safe_load(capsys.readouterr().out)
    assert args["stage"] == "sft" and args["fp16"] is False and args["output_dir"].endswith("saves/r")
