"""The arithmetic of a plan, and what each check finds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tarot_tui.jobs import files
from tarot_tui.training import device, memory
from tarot_tui.training.checks import Facts, findings
from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.launch import make_job
from tarot_tui.training.plan import from_dict, plan_in_child
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import Samples
from tarot_tui.training.schedule import schedule
from tarot_tui.training.shape import shape_of

CPU = device.Device("cpu", "", "a CPU", 16_000_000_000, 12_000_000_000, True)
GPU = device.Device("cuda", "0", "a GPU", 24_000_000_000, 23_000_000_000, True)
OLD_GPU = replace(GPU, bf16=False)
SMALL = memory.Memory(10, 10, 10, 10, 10, 10, 10)


def sample(length: int = 60, cut: int = 0, ends: bool = True) -> Sample:
    ids = list(range(length))
    return Sample(ids, [IGNORED] * 40 + ids[40:], length + cut, 40, cut, ends)


def facts(samples: int = 100, chosen: device.Device = CPU, **changes: object) -> Facts:
    recipe = Recipe(**{"dataset": "d", "save_steps": 10, **changes})
    train = [sample() for _ in range(samples)]
    return Facts(
        recipe=recipe,
        samples=Samples(train, [], [], {}),
        schedule=schedule(recipe, samples),
        device=chosen,
        precision=device.precision(recipe, chosen),
        memory=SMALL,
        positions=2048,
        parameters=135_000_000,
        trainable=5_000_000,
        disk=1000,
        free_disk=10_000,
    )


def measured(**changes: object) -> Facts:
    """Facts with ten samples held out."""
    about = facts(val_size=10, **changes)
    return replace(about, samples=replace(about.samples, evaluation=[sample()] * 10))


def found(facts: Facts) -> dict[str, tuple[str, str]]:
    return {finding.id: (finding.severity, finding.fix) for finding in findings(facts)}


def test_a_sound_recipe_has_nothing_said_against_it():
    assert found(facts()) == {}
    assert found(facts(chosen=GPU, quantization_bit=4)) == {}


@pytest.mark.parametrize(
    ("facts", "id", "severity", "fix"),
    [
        (facts(samples=0), "dataset.empty", "error", ""),
        (facts(val_size=0.001), "val_size.no_rows", "error", "val_size: 1"),
        (facts(eval_dataset="e"), "eval_dataset.no_rows", "error", "eval_dataset: "),
        (facts(eval_steps=5), "eval_steps.no_rows", "warning", "val_size: 0.1"),
        (measured(eval_steps=500), "eval_steps.beyond_end", "info", "eval_steps: 10"),
        (measured(early_stopping_steps=4), "early_stopping.never", "warning", "eval_steps: 2"),
        (facts(samples=8), "steps.few", "warning", "gradient_accumulation_steps: 1"),
        (facts(samples=8, gradient_accumulation_steps=8), "batch.beyond_dataset", "warning", "gradient_accumulation_steps: 1"),
        (facts(samples=8, per_device_train_batch_size=16), "batch.beyond_dataset", "warning", "per_device_train_batch_size: 2, gradient_accumulation_steps: 1"),
        (facts(warmup_steps=500), "warmup.beyond_end", "warning", "warmup_steps: 0, warmup_ratio: 0.03"),
        (facts(packing=True), "packing.tiny", "warning", "packing: false, neat_packing: false"),
        (facts(samples=8, packing=True), "steps.few", "warning", "packing: false, neat_packing: false"),
        (facts(samples=8, gradient_accumulation_steps=1, num_train_epochs=1), "steps.few", "warning", "num_train_epochs: 4"),
        (facts(samples=8, num_train_epochs=0.5), "steps.few", "error", "gradient_accumulation_steps: 1"),
        (facts(max_steps=1), "steps.few", "warning", "max_steps: -1"),
        (facts(save_steps=1000), "save_steps.beyond_end", "info", "save_steps: 10"),
        (facts(logging_steps=1000), "logging_steps.beyond_end", "warning", "logging_steps: 1"),
        (facts(fp16=True), "precision.fp16_cpu", "error", "fp16: false"),
        (facts(chosen=OLD_GPU, bf16=True), "precision.bf16_emulated", "warning", "bf16: false"),
        (facts(chosen=replace(CPU, bf16=False), bf16=True), "precision.bf16_emulated", "warning", "bf16: false"),
        (replace(facts(), parameters=8_000_000_000), "device.cpu", "warning", "tarot-tui doctor"),
        (facts(learning_rate=0.5), "learning_rate.unusual", "warning", "learning_rate: 2e-4"),
        (facts(finetuning_type="full", learning_rate=1e-3), "learning_rate.unusual", "warning", "learning_rate: 2e-5"),
        (facts(lora_rank=1), "lora_rank.small", "warning", "lora_rank: 8"),
        (replace(facts(), trainable=300), "lora_rank.small", "warning", "lora_rank: 64"),
        (facts(lora_rank=1, lora_alpha=8), "lora_alpha.unusual", "warning", "lora_alpha: 2"),
        (facts(lora_rank=64, lora_alpha=4), "lora_alpha.unusual", "warning", "lora_alpha: 128"),
        (facts(flash_attn="fa2", bf16=False), "flash_attn.needs_16_bits", "error", "flash_attn: auto"),
        (replace(facts(), disk=20_000), "disk.over", "error", "save_total_limit: 1"),
    ],
)  # fmt: skip
def test_what_will_go_wrong_is_found_with_its_remedy(facts, id, severity, fix):
    assert found(facts)[id] == (severity, fix)


def test_answers_that_lose_their_end_are_errors_unless_allowed():
    cut = Samples([sample(60, cut=100), sample()], [], [], {})
    assert found(replace(facts(), samples=cut))["cutoff.answers_cut"] == ("error", "cutoff_len: 192")
    allowed = replace(facts(allow_truncation=True), samples=cut)
    assert found(allowed)["cutoff.answers_cut"][0] == "warning"
    # What the model itself cannot read, no cutoff can mend.
    assert found(replace(facts(), samples=cut, positions=100))["cutoff.answers_cut"] == ("error", "")


def test_samples_with_nothing_left_to_learn_are_found():
    empty = Samples([sample()], [], [sample(40, cut=20)], {})
    assert found(replace(facts(), samples=empty))["cutoff.below_prompt"] == ("error", "cutoff_len: 64")


def test_a_template_without_an_end_of_turn_is_found():
    endless = Samples([sample(ends=False)], [], [], {})
    assert found(replace(facts(), samples=endless))["template.no_end_of_turn"] == ("warning", "")


@pytest.mark.parametrize(
    ("recipe", "weights", "activations", "fix"),
    [
        ({}, 30e9, 1e9, "quantization_bit: 4"),
        ({"gradient_checkpointing": False}, 1e9, 30e9, "gradient_checkpointing: true"),
        ({}, 1e9, 30e9, "per_device_train_batch_size: 1, gradient_accumulation_steps: 8"),
        ({"per_device_train_batch_size": 1}, 1e9, 30e9, ""),
    ],
)
def test_too_little_memory_is_an_error_whose_remedy_keeps_the_effective_batch(
    recipe, weights, activations, fix
):
    big = replace(SMALL, weights=int(weights), activations=int(activations))
    assert found(replace(facts(**recipe), memory=big))["memory.over"] == ("error", fix)


def test_memory_that_may_just_suffice_is_a_warning():
    close = replace(SMALL, weights=int(CPU.free * 0.95))
    assert found(replace(facts(), memory=close))["memory.over"][0] == "warning"


@pytest.mark.parametrize(
    ("changes", "chosen", "expected"),
    [
        ({}, GPU, "bf16"),
        ({}, OLD_GPU, "fp16"),
        ({"bf16": True}, OLD_GPU, "bf16"),
        ({"fp16": False}, OLD_GPU, "fp32"),
        ({"bf16": False, "fp16": False}, GPU, "fp32"),
        ({"fp16": True}, GPU, "fp16"),
        ({}, replace(CPU, bf16=False), "fp32"),
    ],
)
def test_precision_is_what_was_asked_for_or_what_the_hardware_really_has(changes, chosen, expected):
    assert device.precision(Recipe(dataset="d", **changes), chosen) == expected


@pytest.mark.parametrize(
    ("value", "count", "names"),
    [(None, 3, ["0", "1", "2"]), ("2,0", 3, ["2", "0"]), ("", 3, []), ("-1", 3, []), ("1,7,0", 3, ["1"]), ("GPU-ab", 1, ["GPU-ab"])],
)  # fmt: skip
def test_only_gpus_that_cuda_would_see_are_chosen_from(monkeypatch, value, count, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert device._visible(count) == names


def test_the_lora_weights_counted_are_those_peft_makes(tiny_llama, tiny_recipe):
    from tarot_tui.training.engines.model import load_model

    shape = shape_of(tiny_llama)
    for changes in ({}, {"lora_target": "q_proj,down_proj"}):
        recipe = tiny_recipe(**changes)
        model = load_model(tiny_llama, recipe, "bf16", cpu=True)
        trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        assert memory.trainable(shape, recipe) == trained


def test_a_plan_survives_json_and_knows_how_fast_the_last_run_was(cards, tiny_recipe):
    recipe = tiny_recipe()
    plan = plan_in_child(cards, recipe)
    assert from_dict(plan.as_dict()) == plan
    assert plan.seconds_estimate is None
    job = make_job(cards, recipe, plan)
    files.append_json(job / files.METRICS, {"current_steps": 1, "throughput": 50.0})
    again = plan_in_child(cards, recipe)
    assert again.seconds_estimate == pytest.approx(3 * plan.tokens / 50)
    assert again.seconds_from == job.name
    assert plan_in_child(cards, tiny_recipe(quantization_bit=8)).seconds_estimate is None


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (9, 42), (1000, 43), (30_000, 2**32 - 1)])
def test_the_order_of_samples_is_the_one_torch_shuffles_into(count, seed):
    import torch

    from tarot_tui.training.order import permutation

    generator = torch.Generator()
    generator.manual_seed(seed)
    assert permutation(count, seed) == torch.randperm(count, generator=generator).tolist()


def test_the_settings_of_the_old_tutorial_get_the_findings_they_deserve():
    # Its command on two GPUs: 64 samples a step, half an epoch of 99, with LLaMA-Factory's default intervals.
    told = facts(
        99, GPU, lora_rank=1, lora_alpha=8, num_train_epochs=0.5, per_device_train_batch_size=2, cutoff_len=128,
        gradient_accumulation_steps=32, save_steps=500, eval_steps=500, logging_steps=20, learning_rate=5e-5,
    )  # fmt: skip
    cut = replace(told.samples, train=[sample(128, cut=70)] * 60, empty=[sample(40, cut=160)] * 39)
    severities = {id: severity for id, (severity, _fix) in found(replace(told, samples=cut)).items()}
    assert severities == {
        "steps.few": "error",
        "cutoff.answers_cut": "error",
        "cutoff.below_prompt": "error",
        "lora_rank.small": "warning",
        "lora_alpha.unusual": "warning",
        "logging_steps.beyond_end": "warning",
        "eval_steps.no_rows": "warning",
        "batch.beyond_dataset": "warning",
        "save_steps.beyond_end": "info",
    }
