"""Each way of fine-tuning learns, changes the tensors that it says, and resumed it is the same run to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors import safe_open

from tarot_tui.errors import BadInput
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import plan_in_child
from tarot_tui.training.shape import shape_of
from tarot_tui.training.targets import unknown_modules

ADAPTER, MODEL = "adapter_model.safetensors", "model.safetensors"
FULL = {"finetuning_type": "full", "learning_rate": 1e-3}

#: Name → what it changes of the recipe, and a part of the name of a tensor that it alone saves.
METHODS = {
    "rslora": ({"use_rslora": True}, "lora_B"),
    "dora": ({"use_dora": True}, "lora_magnitude_vector"),
    "dora in 4 bits": ({"quantization_bit": 4, "use_dora": True}, "lora_magnitude_vector"),
    "loraplus": ({"loraplus_lr_ratio": 4, "learning_rate": 5e-3}, "lora_B"),
    "whole modules": ({"additional_target": "embed_tokens", "learning_rate": 3e-3}, "embed_tokens"),
    "neftune": ({"neftune_noise_alpha": 0.5, "gradient_checkpointing": True}, "lora_A"),
    "8-bit optimiser": ({"optim": "adamw_8bit"}, "lora_A"),
    "full": (FULL, "mlp.down_proj"),
    "full with 16-bit weights": (
        {**FULL, "pure_bf16": True, "gradient_checkpointing": True},
        "mlp.down_proj",
    ),
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory, tiny_recipe, add_dataset):
    """A project with the dataset ``cards``, and a plan for it; good for every method: none changes data or steps."""
    from tarot_tui.project import create

    project = create(tmp_path_factory.mktemp("methods") / "project")
    add_dataset(project, "cards", [(f"What is card {n}?", f"It is number {n}.") for n in range(10)])
    return project, plan_in_child(project, tiny_recipe())


@pytest.mark.parametrize(("changes", "part"), METHODS.values(), ids=METHODS)
def test_it_learns_and_resumed_it_is_the_same_run(plan, tiny_recipe, train_here, metrics, changes, part):
    project, made = plan
    recipe = tiny_recipe(**{"num_train_epochs": 2, "save_steps": 3, **changes})
    whole = make_job(project, recipe, made, "whole")
    train_here(whole)
    losses = [line["loss"] for line in metrics(whole)]
    assert losses[-1] < losses[0] - 0.2
    name = MODEL if recipe.finetuning_type == "full" else ADAPTER
    assert any(part in tensor for tensor in _tensors(whole / name))
    if recipe.loraplus_lr_ratio:
        slow, fast = sorted({group["lr"] for group in _groups(whole)})
        assert fast == pytest.approx(4 * slow)
    torn = _as_of(whole, 3)
    train_here(torn)
    assert [line["loss"] for line in metrics(torn)] == losses
    assert (torn / name).read_bytes() == (whole / name).read_bytes()


def _tensors(path: Path) -> list[str]:
    with safe_open(path, "pt") as file:
        return list(file.keys())


def _groups(job: Path) -> list[dict]:
    import torch

    return torch.load(job / "checkpoint-3" / "optimizer.pt", weights_only=True)["param_groups"]


def _as_of(whole: Path, step: int) -> Path:
    """A copy of a run as its machine's failure right after the checkpoint of ``step`` would have left it."""
    torn = whole.with_name(f"{whole.name}-torn")
    wanted = ("job.yaml", "recipe.yaml", "accelerate.yaml", "trainer_log.jsonl")
    torn.mkdir()
    for name in wanted:
        shutil.copy(whole / name, torn)
    shutil.copytree(whole / f"checkpoint-{step}", torn / f"checkpoint-{step}")
    return torn


def test_a_misspelt_module_is_said_in_the_plan_and_refused_by_the_worker(tiny_llama, tiny_recipe):
    from tarot_tui.training.engines.model import load_model

    recipe = tiny_recipe(lora_target="q_proj,v_porj", additional_target="embed_token")
    found = {one.id: one.fix for one in unknown_modules(recipe, shape_of(tiny_llama))}
    assert found == {
        "lora_target.unknown": "lora_target: q_proj,v_proj",
        "additional_target.unknown": "additional_target: embed_tokens",
    }
    sound = tiny_recipe(lora_target="q_proj,down_proj", additional_target="lm_head,embed_tokens")
    assert not list(unknown_modules(sound, shape_of(tiny_llama)))
    with pytest.raises(BadInput, match="no module 'embed_token'; it has .*embed_tokens"):
        load_model(tiny_llama, recipe, "bf16", cpu=True)


def test_trained_further_whole_modules_begin_with_every_bit_of_what_was_learned(
    plan, tiny_llama, tiny_recipe, train_here
):
    from tarot_tui.training.engines.model import load_model

    project, made = plan
    recipe = tiny_recipe(additional_target="embed_tokens", max_steps=1, warmup_ratio=0)
    job = make_job(project, recipe, made, "further")
    train_here(job)
    (name,) = (name for name in _tensors(job / ADAPTER) if "embed_tokens" in name)
    with safe_open(job / ADAPTER, "pt") as file:
        learned = file.get_tensor(name)
    again = load_model(tiny_llama, recipe, "bf16", cpu=True, adapter=job)
    (weight,) = (w for n, w in again.named_parameters() if "embed_tokens.modules_to_save" in n)
    assert weight.requires_grad and (weight == learned).all()
    assert not (learned == learned.bfloat16().float()).all()


def test_noise_is_as_loud_for_a_text_in_a_row_of_several_as_alone():
    import torch

    from tarot_tui.training.engines.fused import segments
    from tarot_tui.training.engines.neftune import add_noise

    embeddings = torch.nn.Embedding(50, 64)
    add_noise(embeddings, 5.0)
    tokens = torch.zeros(1, 500, dtype=torch.long)
    still = embeddings.weight[0].detach()
    with segments.row(torch.tensor([100, 400])), torch.no_grad():
        noise = (embeddings(tokens) - still)[0].abs()
    for text, length in ((noise[:100], 100), (noise[100:], 400)):
        most = 5 / (length * 64) ** 0.5
        assert 0.98 * most < text.max() <= most * 1.0001 and text.mean() == pytest.approx(most / 2, rel=0.05)
    embeddings.eval()
    assert (embeddings(tokens) == still).all()
