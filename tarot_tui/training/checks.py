"""What a plan has to say: each check looks at the facts and yields findings, most with a recipe change as the fix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line, size
from tarot_tui.training.device import Device, Precision
from tarot_tui.training.encode import Sample
from tarot_tui.training.memory import Memory
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import Samples
from tarot_tui.training.schedule import Schedule

_FEW_STEPS = 10
#: Learning rates between which LoRA is known to learn; outside, mostly a slip of the exponent.
_LEARNING_RATES = (1e-6, 1e-2)
#: Parameters from which a training on a CPU takes days.
_MUCH_FOR_A_CPU = 1_500_000_000


@dataclass(frozen=True)
class Facts:
    """All that the checks look at.

    samples: tokenised and cut. positions: the longest text that the base can read, 0 when it does not say.
    parameters: of the base. disk, free_disk: bytes that the checkpoints need, and that there are.
    """

    recipe: Recipe
    samples: Samples
    schedule: Schedule
    device: Device
    precision: Precision
    memory: Memory
    positions: int
    parameters: int
    disk: int
    free_disk: int

    @property
    def all_samples(self) -> list[Sample]:
        """Those that are learned, those with nothing left to learn, and those that are measured on."""
        return self.samples.train + self.samples.empty + self.samples.evaluation


def findings(facts: Facts) -> list[Finding]:
    """Everything that every check has to say, in no particular order."""
    checks = (_data, _truncation, _template, _steps, _precision, _quantization, _memory, _disk, _rates)
    return [finding for check in checks for finding in check(facts)]


def _data(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    if not facts.samples.train and not facts.samples.empty:
        yield Finding(
            "dataset.empty",
            "error",
            _("There is nothing to learn: {names} holds no sample beside those held out.").format(
                names=", ".join(map(one_line, recipe.dataset))
            ),
        )
    if recipe.val_size and not facts.samples.evaluation:
        yield Finding(
            "val_size.no_rows",
            "error",
            _("val_size: {value:g} of these samples is not one: nothing would be measured.").format(
                value=recipe.val_size
            ),
            fix="val_size: 1" if len(facts.samples.train) > 1 else "val_size: 0",
        )


def _truncation(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    cut = [sample for sample in facts.all_samples if sample.cut]
    longest = max((sample.length for sample in facts.all_samples), default=0)
    needed = math.ceil(longest / 64) * 64
    fits = not facts.positions or needed <= facts.positions
    fix = f"cutoff_len: {needed}" if fits else ""
    severity = "warning" if recipe.allow_truncation else "error"
    if facts.samples.empty:
        yield Finding(
            "cutoff.below_prompt",
            severity,
            _(
                "cutoff_len: {cutoff} ends before the answer begins in {count} samples: nothing of them is learned."
            ).format(cutoff=recipe.cutoff_len, count=len(facts.samples.empty)),
            fix=fix,
        )
    if cut:
        yield Finding(
            "cutoff.answers_cut",
            severity,
            _(
                "{count} of {all} answers lose their end at cutoff_len: {cutoff}; a model that never sees an end does not stop. The longest sample has {longest} tokens."
            ).format(count=len(cut), all=len(facts.all_samples), cutoff=recipe.cutoff_len, longest=longest),
            fix=fix,
        )
    used = max((len(sample.input_ids) for sample in facts.all_samples), default=0)
    if facts.positions and used > facts.positions:
        yield Finding(
            "cutoff.beyond_model",
            "error",
            _("The longest sample has {longest} tokens, but this model reads only {positions}.").format(
                longest=used, positions=facts.positions
            ),
        )


def _template(facts: Facts) -> Iterator[Finding]:
    if any(not sample.ends for sample in facts.samples.train):
        yield Finding(
            "template.no_end_of_turn",
            "warning",
            _(
                "This model's chat template puts no end-of-turn token behind an answer, so it will not learn to stop."
            ),
        )


def _steps(facts: Facts) -> Iterator[Finding]:
    recipe, steps = facts.recipe, facts.schedule.steps
    if not facts.samples.train:
        return
    if steps < _FEW_STEPS:
        batch = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
        # One step is nobody's training, unless it was asked for by number.
        alone = steps == 1 and recipe.max_steps != 1
        yield Finding(
            "steps.few",
            "error" if alone else "warning",
            _(
                "Only {steps} optimiser steps: {samples} samples at {batch} a step are seen {epochs:g} times; hardly anything is learned in so few."
            ).format(
                steps=steps, samples=len(facts.samples.train), batch=batch, epochs=recipe.num_train_epochs
            ),
            fix=_more_steps(recipe),
        )
    if recipe.save_steps > steps:
        yield Finding(
            "save_steps.beyond_end",
            "info",
            _("save_steps: {every} lies behind the end: the only checkpoint is the last one.").format(
                every=recipe.save_steps
            ),
            fix=f"save_steps: {max(1, math.ceil(steps / 4))}",
        )
    if not facts.schedule.loss_points:
        yield Finding(
            "logging_steps.beyond_end",
            "warning",
            _("logging_steps: {every} lies behind the end: there will be no loss curve.").format(
                every=recipe.logging_steps
            ),
            fix="logging_steps: 1",
        )


def _more_steps(recipe: Recipe) -> str:
    if 0 < recipe.max_steps < _FEW_STEPS:
        return "max_steps: -1"
    if recipe.gradient_accumulation_steps > 1:
        return "gradient_accumulation_steps: 1"
    return f"num_train_epochs: {math.ceil(recipe.num_train_epochs * 4)}"


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
            fix="bf16: false",
        )
    if device.kind == "cpu" and facts.parameters > _MUCH_FOR_A_CPU:
        yield Finding(
            "device.cpu",
            "warning",
            _("No GPU that torch can use: a model of this size takes days on a CPU."),
            fix="tarot-tui doctor",
        )


def _quantization(facts: Facts) -> Iterator[Finding]:
    if facts.recipe.quantization_bit and not find_spec("bitsandbytes"):
        yield Finding(
            "quantization.bitsandbytes_missing",
            "error",
            _("quantization_bit needs the package bitsandbytes, which is not installed."),
            fix="pip install bitsandbytes",
        )
    if "8bit" in facts.recipe.optim and facts.device.kind == "cpu":
        yield Finding(
            "optim.needs_gpu",
            "error",
            _("optim: {name} needs a GPU, and there is none.").format(name=facts.recipe.optim),
            fix="optim: adamw_torch",
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
    if memory.weights > memory.activations + memory.logits and recipe.quantization_bit != 4:
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


def _rates(facts: Facts) -> Iterator[Finding]:
    low, high = _LEARNING_RATES
    if not low <= facts.recipe.learning_rate <= high:
        yield Finding(
            "learning_rate.unusual",
            "warning",
            _("learning_rate: {rate:g} is far from where LoRA learns ({low:g} to {high:g}).").format(
                rate=facts.recipe.learning_rate, low=1e-5, high=high
            ),
            fix="learning_rate: 2e-4",
        )
