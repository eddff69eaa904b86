"""What people have already becomes a recipe: every argument taken over, mended with a reason, or named as left out."""

from __future__ import annotations

import json

import pytest
import yaml

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.training import recipe as recipes
from tarot_tui.training.device import Device
from tarot_tui.training.importing import as_yaml, import_text
from tarot_tui.training.importing.names import SHARED
from tarot_tui.training.llamafactory_yaml import as_yaml as llamafactory_yaml
from tarot_tui.training.llamafactory_yaml import translate

CPU = Device("cpu", "", "a CPU", 2**34, 2**33, bf16=True)
T4 = Device("cuda", "0", "Tesla T4", 16 * 10**9, 15 * 10**9, bf16=False)
A100 = Device("cuda", "0", "A100", 40 * 10**9, 39 * 10**9, bf16=True)

#: As printed in the tutorial that this program replaces, word for word.
TUTORIAL = r"""
accelerate launch --config_file default_config.yaml src/train.py \
  --stage sft \
    --do_train True \
    --model_name_or_path usamakenway/llama2-7b-hf-chat-small \
    --preprocessing_num_workers 16 \
    --finetuning_type lora \
    --template llama3 \
    --flash_attn auto \
    --dataset_dir data \
    --dataset myDataset \
    --cutoff_len 128  \
    --learning_rate 2e-05 \
    --num_train_epochs 0.5 \
    --max_samples 100 \
    --per_device_train_batch_size 1 \
    --gradient_accumulation_steps 32 \
    --lr_scheduler_type cosine \
    --max_grad_norm 1.0 \
    --logging_steps 20 \
    --save_steps 500 \
    --warmup_steps 0 \
    --optim adamw_torch \
    --packing False \
    --report_to none \
    --output_dir saves/mistral-7b-bnb-4bit/lora/train_2024-08-20-05-04-08 \
    --fp16 True \
    --plot_loss True \
    --ddp_timeout 300 \
    --include_num_input_tokens_seen True \
    --quantization_bit 4 \
    --quantization_method bitsandbytes \
    --lora_rank 1 \
    --lora_alpha 8 \
    --lora_dropout 0 \
    --lora_target all \
    --val_size 0.01 \
    --eval_strategy steps \
    --eval_steps 500 \
    --per_device_eval_batch_size 1 \
    --deepspeed cache/ds_z2_config.json
"""


def take(project, text, *overrides, device=A100):
    return import_text(project, text, "given", overrides, device)


def ids(found) -> set[str]:
    return {finding.id for finding in found.findings}


def sound(**more) -> str:
    """A LLaMA-Factory YAML with which nothing is wrong, changed."""
    good = {
        "stage": "sft",
        "model_name_or_path": "Qwen/Qwen3-8B",
        "template": "qwen3",
        "dataset": "a",
        "bf16": True,
    }
    good |= {"logging_steps": 1, "learning_rate": 1e-4, "save_steps": 100, "per_device_train_batch_size": 2}
    return yaml.safe_dump(good | more)


def test_the_tutorials_own_command_yields_the_findings_it_deserves(project):
    found = take(project, TUTORIAL, device=T4)
    assert found.form == "command" and found.usable
    assert ids(found) >= {
        "template.other_family", "cutoff.short", "learning_rate.low", "steps.few", "lora_rank.small",
        "logging_steps.rare", "save_steps.beyond_end", "eval_steps.beyond_end", "val_size.few_rows", "quantization_method.old",
        "deepspeed.not_needed", "deepspeed.moved", "output_dir.other_model", "max_samples.few", "dataset.unknown",
        "launcher.processes", "launcher.config", "keys.settled", "plan.rest",
    }  # fmt: skip
    made = found.recipe
    assert made.cutoff_len == 1024 and made.learning_rate == 2e-4 and (made.lora_rank, made.alpha) == (8, 16)
    assert made.gradient_accumulation_steps == 8 and made.num_train_epochs == 3 and made.quantization_bit == 4
    assert made.logging_steps == 1 and made.val_size == 0.1 and made.save_steps < 39
    # What was right stays as it was, and fp16 is right for a card without bfloat16.
    assert (
        made.fp16 is True
        and made.max_samples == 100
        and made.lora_target == ["all"]
        and made.warmup_ratio == 0
    )
    text = "\n".join(finding.text for finding in found.findings)
    assert "At most 2 optimiser steps: 100 samples at 32 a step, 0.5 times" in text
    assert "llama3 is not what usamakenway/llama2-7b-hf-chat-small speaks (llama2)" in text


def test_without_a_gpu_the_tutorials_fp16_is_left_to_the_hardware(project):
    found = take(project, TUTORIAL, device=CPU)
    assert "precision.fp16_cpu" in ids(found) and found.recipe.fp16 is None
    assert "# fp16: true: fp16 needs a GPU" in as_yaml(found, "x")


def test_every_argument_of_the_tutorial_is_taken_mended_or_named(project):
    found = take(project, TUTORIAL)
    said = " ".join(finding.text for finding in found.findings) + " ".join(found.original)
    arguments = [line.split()[0].removeprefix("--") for line in TUTORIAL.splitlines() if "    --" in line]
    # What says none, and data/ is where this project keeps its datasets too.
    quiet = {"warmup_steps", "report_to", "dataset_dir"}
    assert len(arguments) > 35
    assert [name for name in arguments if name not in said and name not in quiet] == []


def test_a_mended_recipe_is_not_mended_again(project):
    once = as_yaml(take(project, TUTORIAL), "tutorial.txt")
    made = recipes.validate(yaml.safe_load(once))
    translated = translate(project, made, "bf16", project.root / "saves" / "x")
    again = take(project, llamafactory_yaml(translated))
    assert not again.notes and again.usable
    assert again.recipe.measuring_steps == made.measuring_steps  # which is said where it follows
    assert all(
        getattr(again.recipe, name) == getattr(made, name)
        for name in set(SHARED) - {"bf16", "fp16", "eval_steps"}
    )


def test_a_lost_backslash_is_named_with_what_the_shell_would_lose(project):
    text = TUTORIAL.replace("--lora_rank 1 \\\n", "--lora_rank 16\n")
    found = take(project, text)
    (cut,) = [finding for finding in found.findings if finding.id == "command.cut_off"]
    assert "--lora_alpha" in cut.text
    assert found.recipe.lora_rank == 16 and found.recipe.val_size == 0.1


@pytest.mark.parametrize(
    "text",
    [
        "$ CUDA_VISIBLE_DEVICES=0,1 llamafactory-cli train `\n --dataset a `\n --model_name_or_path=o/m `\n --cutoff-len 2048",
        "# on my server\n!llamafactory-cli train --dataset a --model_name_or_path o/m --cutoff_len 2048\nls",
        "```bash\ntorchrun --nproc_per_node 2 src/train.py \\\n--dataset a --model_name_or_path o/m --cutoff_len 2048\n```\n",
        "--dataset a --model_name_or_path o/m --cutoff_len 2048",
        "\ufeffdataset: a\nmodel_name_or_path: o/m\ncutoff_len: '2048'\n",
        '{"dataset": "a", "model_name_or_path": "o/m", "cutoff_len": 2048}',
    ],
)
def test_however_it_is_written_it_is_read(project, text):
    found = take(project, text)
    assert (found.recipe.dataset, found.recipe.model_name_or_path, found.recipe.cutoff_len) == (
        ["a"],
        "o/m",
        2048,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "none of what can be imported"),
        ("", "none of what can be imported"),
        ("- a\n", "none of what can be imported"),
        ("llamafactory-cli export x.yaml", "'export' trains nothing"),
        ("llamafactory-cli train x.yaml", "import that file"),
        ("llamafactory-cli train --dataset 'a", "quotation mark"),
        ("python convert.py --x 1", "does not train"),
        ("top.lang: en\ntrain.extra_args: '{'\n", "not a JSON object"),
        ("[" * 5000, "none of what can be imported"),
    ],
)
def test_what_is_none_of_these_is_refused_in_a_sentence(project, text, says):
    with pytest.raises(BadInput, match=says):
        take(project, text)


def test_what_is_not_said_is_what_llamafactory_takes_for_it(project):
    made = take(project, "dataset: a\nmodel_name_or_path: o/m\n").recipe
    assert (made.cutoff_len, made.lora_rank, made.learning_rate, made.lr_scheduler_type) == (
        2048,
        8,
        5e-5,
        "linear",
    )
    assert (made.per_device_train_batch_size, made.gradient_accumulation_steps, made.warmup_ratio) == (
        8,
        1,
        0,
    )


BOARD = {
    "top.lang": "zh", "top.model_name": "Llama-3-8B-Chinese-Chat", "top.finetuning_type": "lora",
    "top.checkpoint_path": [], "top.quantization_bit": "4", "top.quantization_method": "bnb", "top.template": "llama3",
    "top.rope_scaling": "none", "top.booster": "auto", "train.training_stage": "Supervised Fine-Tuning",
    "train.dataset_dir": "data", "train.dataset": ["a", "b"], "train.learning_rate": "1e-4", "train.cutoff_len": 1024,
    "train.num_train_epochs": "3.0", "train.max_samples": "100000", "train.compute_type": "bf16",
    "train.batch_size": 2, "train.gradient_accumulation_steps": 8, "train.val_size": 0, "train.neftune_alpha": 0,
    "train.extra_args": '{"optim": "adamw_torch"}', "train.logging_steps": 5, "train.save_steps": 100,
    "train.warmup_steps": 0, "train.lora_rank": 8, "train.lora_alpha": 16, "train.lora_target": "", "train.ds_stage": "3",
    "train.ds_offload": True, "train.galore_rank": 16, "train.use_galore": False, "train.freeze_trainable_layers": 2,
    "train.swanlab_api_key": "", "train.report_to": ["none"], "train.lr_scheduler_type": "cosine",
}  # fmt: skip


def test_what_the_web_page_saved_lacks_the_model_and_says_so(project):
    found = take(project, yaml.safe_dump(BOARD))
    assert found.form == "board" and not found.usable and "model.missing" in ids(found)
    assert "training_args.yaml" in found.findings[0].text


def test_what_the_web_page_saved_is_read_by_its_own_names(project):
    found = take(project, yaml.safe_dump(BOARD), "model_name_or_path=shenzhi-wang/Llama3-8B-Chinese-Chat")
    made = found.recipe
    assert found.usable and made.dataset == ["a", "b"] and made.quantization_bit == 4 and made.bf16 is True
    assert (made.learning_rate, made.num_train_epochs, made.lora_target) == (1e-4, 3.0, ["all"])
    assert (made.per_device_train_batch_size, made.gradient_accumulation_steps, made.optim) == (
        2,
        8,
        "adamw_torch",
    )
    assert "deepspeed.zero3_quantised" in ids(found) and "template.left_out" in ids(found)
    assert not any("galore_rank" in finding.text or "freeze" in finding.text for finding in found.findings)


@pytest.mark.parametrize(
    ("change", "id", "key", "mended"),
    [
        ({"cutoff_len": 128}, "cutoff.short", "cutoff_len", 1024),
        ({"learning_rate": 5.0}, "learning_rate.unusual", "learning_rate", 2e-4),
        ({"learning_rate": "2e-6"}, "learning_rate.low", "learning_rate", 2e-4),
        ({"lora_rank": 64, "lora_alpha": 8}, "lora_alpha.unusual", "lora_alpha", 128),
        ({"lora_target": "q_proj,v_porj"}, "lora_target.unknown", "lora_target", ["q_proj", "v_proj"]),
        ({"lora_target": ["q_proj", "lm_head_x"]}, "lora_target.unknown", "lora_target", ["q_proj"]),
        ({"lora_target": "attention_everything"}, "lora_target.unknown", "lora_target", ["all"]),
        ({"fp16": True}, "precision.both", "fp16", None),
        ({"bf16": False, "fp16": True}, "precision.bf16_better", "fp16", None),
        ({"pure_bf16": True}, "precision.pure_bf16", "bf16", True),
        ({"val_size": 1}, "val_size.all", "val_size", 0.1),
        ({"logging_steps": None}, "logging_steps.rare", "logging_steps", 1),
        ({"quantization_bit": 3}, "quantization_bit.other", "quantization_bit", 4),
        (
            {"quantization_bit": 8, "quantization_method": "hqq"},
            "quantization_method.other",
            "quantization_bit",
            4,
        ),
        ({"optim": "adamw_bnb_8bit"}, "optim.not_allowed", "optim", "adamw_8bit"),
        ({"finetuning_type": "freeze"}, "finetuning_type.not_allowed", "finetuning_type", "lora"),
        ({"lora_rank": "many"}, "lora_rank.not_allowed", "lora_rank", 16),
    ],
)
def test_what_is_wrong_on_any_data_is_mended_with_its_reason(project, change, id, key, mended):
    found = take(project, sound(**change))
    assert id in ids(found) and found.usable
    assert getattr(found.recipe, key) == mended
    assert key in found.notes


@pytest.mark.parametrize(
    ("change", "id", "says"),
    [
        ({"template": "llama3"}, "template.other_family", "llama3"),
        ({"template": "default"}, "template.other_family", "default"),
        ({"use_galore": True}, "key.unsupported", "use_galore"),
        ({"packing": True}, "packing.apart", "here they never do"),
        ({"Lora_target": "all"}, "key.misspelt", "lora_target"),
        ({"evaluation_strategy": "steps"}, "key.misspelt", "eval_strategy"),
        ({"trust_remote_code": True}, "model.remote_code", "never run"),
        ({"model_name_or_path": "x/Qwen3-8B-AWQ"}, "model.quantised", "16-bit"),
        ({"quantization_bit": 4, "deepspeed": "examples/ds_z3.json"}, "deepspeed.zero3_quantised", "ZeRO-3"),
        ({"deepspeed": {"zero_optimization": {"stage": 3}}, "quantization_bit": 4}, "deepspeed.zero3_quantised", "4 bits"),
    ],
)  # fmt: skip
def test_what_has_no_place_here_is_named(project, change, id, says):
    found = take(project, sound(**change))
    assert found.usable
    assert any(finding.id == id and says in finding.text for finding in found.findings), found.findings


@pytest.mark.parametrize(
    ("change", "id"),
    [
        ({"stage": "dpo"}, "stage.other"),
        ({"dataset": None}, "dataset.missing"),
        ({"model_name_or_path": "C:\\models\\Llama3"}, "model_name_or_path.not_here"),
        ({"model_name_or_path": "/data/Llama3"}, "model_name_or_path.not_here"),
        ({"adapter_name_or_path": "saves/x/lora/y"}, "adapter_name_or_path.not_here"),
    ],
)
def test_what_only_its_owner_knows_is_asked_for(project, change, id):
    found = take(project, sound(**change))
    assert id in ids(found) and not found.usable


def test_a_secret_is_named_but_never_repeated(project):
    found = take(project, sound(hf_hub_token="hf_abcdefghijklmnopqrstuvwxyz", swanlab_api_key="s3cret"))
    text = as_yaml(found, "x") + "".join(finding.text + finding.fix for finding in found.findings)
    assert "key.secret" in ids(found) and "hf_hub_token" in text
    assert "abcdefghij" not in text and "s3cret" not in text


def test_a_model_in_a_folder_is_known_by_its_config(project):
    folder = project.root / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 128256}))
    assert "template.other_family" in ids(take(project, sound(model_name_or_path="mine", template="llama2")))
    assert "template.left_out" in ids(take(project, sound(model_name_or_path="mine", template="llama3")))


def test_what_the_user_chose_himself_is_not_mended(project):
    found = take(project, TUTORIAL, "cutoff_len=128", "num_train_epochs=0.5")
    assert found.recipe.cutoff_len == 128 and found.recipe.num_train_epochs == 0.5
    assert "cutoff_len" not in found.notes


def test_what_the_user_chose_himself_must_be_allowed(project):
    (project.data / "dataset_info.json").write_text(json.dumps({"a": {"file_name": "a.json"}}))
    found = take(project, TUTORIAL, "dataset=a, b", "lora_target=q_proj")
    assert found.recipe.dataset == ["a", "b"] and found.recipe.lora_target == ["q_proj"]
    assert [finding.fix for finding in found.findings if finding.id == "dataset.unknown"] == [
        "tarot-tui data build SRC -o b"
    ]
    with pytest.raises(BadInput, match="--set: unknown key 'lora_rnk'"):
        take(project, TUTORIAL, "lora_rnk=1")


def test_deepspeed_is_kept_by_its_stage(project):
    kept = {
        name: take(project, sound(deepspeed=name)).recipe.deepspeed
        for name in ("examples/deepspeed/ds_z3_offload_config.json", "cache/ds_z2_config.json", "ds_z0.json")
    }
    assert list(kept.values()) == ["z3_offload", "z2", None]


def test_a_deepspeed_file_is_believed_more_than_its_name(project):
    (project.root / "ds.json").write_text('{"zero_optimization": {"stage": 3}}')
    assert "deepspeed.zero3_quantised" in ids(take(project, sound(deepspeed="ds.json", quantization_bit=4)))
    assert "deepspeed.not_needed" in ids(take(project, sound(deepspeed="/dev/zero", quantization_bit=4)))


def test_the_command_writes_only_when_asked_and_never_over_a_file(project, tmp_path, capsys):
    file = tmp_path / "tutorial.txt"
    file.write_text(TUTORIAL)
    at = ["--project", str(project.root)]
    assert main(["recipe", "import", str(file), *at]) == 0
    printed = capsys.readouterr().out
    assert "cutoff_len: 1024" in printed and not list(project.recipes.iterdir())
    assert main(["recipe", "import", str(file), "-o", "old", "--json", *at]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["written"] == "recipes/old.yaml" and found["changed"]["lora_rank"] | {"why": ""} == {
        "from": 1, "to": 8, "why": "",
    }  # fmt: skip
    text = (project.recipes / "old.yaml").read_text("utf-8")
    assert "# template: llama3 is not what" in text
    assert recipes.load(project, project.recipes / "old.yaml").cutoff_len == 1024
    assert main(["recipe", "import", str(file), "-o", "old", *at]) == 2
    assert (project.recipes / "old.yaml").read_text("utf-8") == text


def test_a_configuration_that_cannot_be_used_is_refused_and_not_written(project, tmp_path, capsys):
    file = tmp_path / "dpo.yaml"
    file.write_text(sound(stage="dpo"))
    assert main(["recipe", "import", str(file), "-o", "x", "--project", str(project.root)]) == 3
    assert not list(project.recipes.iterdir())
    assert "FAIL  stage: dpo" in capsys.readouterr().out
