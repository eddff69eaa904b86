"""What this machine cannot do, or not well: precision, quantisation, memory, disk."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import size
from tarot_tui.training.checks import Facts
from tarot_tui.training.memory import Memory
from tarot_tui.training.recipe import Recipe

#: Parameters from which a training on a CPU takes days.
_MUCH_FOR_A_CPU = 1_500_000_000


def _precision(facts: Facts) -> Iterator[Finding]:
    device = facts.device
    if facts.precision == "fp16" and device.kind == "cpu":
        yield Finding(
            "precision.fp16_cpu", "error", _("fp16 needs a GPU, and there is none."), fix="fp16: false"
        )
    if facts.precision == "bf16" and not device.bf16:
        yield Finding(
            "precision.bf16_emulated",
            "warning",
            _("{device} has no bfloat16 of its own: torch would imitate it, slowly.").format(
                device=device.name
            ),
            fix="pure_bf16: false, bf16: false" if facts.recipe.pure_bf16 else "bf16: false",
        )
    if device.kind == "cpu" and facts.parameters > _MUCH_FOR_A_CPU:
        yield Finding(
            "device.cpu",
            "warning",
            _("No GPU that torch can use: a model of this size takes days on a CPU."),
            fix="tarot-tui doctor",
        )


def _attention(facts: Facts) -> Iterator[Finding]:
    if facts.recipe.flash_attn == "fa2" and facts.precision == "fp32":
        yield Finding(
            "flash_attn.needs_16_bits",
            "error",
            _("flash_attn: fa2 computes in 16 bits only, and this would compute in fp32."),
            fix="flash_attn: auto",
        )


def _memory(facts: Facts) -> Iterator[Finding]:
    memory, free = facts.memory, facts.device.free
    if memory.high <= free:
        return
    yield Finding(
        "memory.over",
        "error" if memory.low > free else "warning",
        _("It needs about {low} to {high} of memory; {device} has {free} free.").format(
            low=size(memory.low), high=size(memory.high), device=facts.device.name, free=size(free)
        ),
        fix=_less_memory(facts.recipe, memory),
    )


def _less_memory(recipe: Recipe, memory: Memory) -> str:
    """The next rung: what takes most is made smaller, and the effective batch stays what it is."""
    if recipe.finetuning_type == "full" and memory.learned > memory.passing:
        return "finetuning_type: lora, pure_bf16: false"
    if memory.weights > memory.passing and recipe.quantization_bit != 4 and recipe.finetuning_type == "lora":
        return "quantization_bit: 4"
    if not recipe.gradient_checkpointing:
        return "gradient_checkpointing: true"
    if (rows := recipe.per_device_train_batch_size) > 1:
        steps = recipe.gradient_accumulation_steps * rows
        return f"per_device_train_batch_size: 1, gradient_accumulation_steps: {steps}"
    return ""


def _disk(facts: Facts) -> Iterator[Finding]:
    if facts.disk > facts.free_disk:
        yield Finding(
            "disk.over",
            "error",
            _("The checkpoints need {needed} on disk; {free} are free.").format(
                needed=size(facts.disk), free=size(facts.free_disk)
            ),
            fix="save_total_limit: 1" if facts.recipe.save_total_limit > 1 else "",
        )


CHECKS = (_precision, _attention, _memory, _disk)
