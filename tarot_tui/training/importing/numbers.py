"""Imported: sizes, rates, steps and precision. Mended is what is wrong on any data; the rest is the plan's to judge."""

from __future__ import annotations

import math
from difflib import get_close_matches

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.importing.draft import Draft
from tarot_tui.training.importing.names import LINEAR
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.schedule import schedule

_SHORT = 512
_ENOUGH_STEPS = 20
_RATE = 2e-4


def cutoff(draft: Draft) -> None:
    """Shorter than any real conversation: what is longer is cut there, without a word in LLaMA-Factory."""
    length = draft.number("cutoff_len")
    if length is not None and length < _SHORT:
        draft.mend(
            "cutoff.short",
            "warning",
            _(
                "cutoff_len: {cutoff} is shorter than most system prompts: LLaMA-Factory cuts answers and their ends there without a word."
            ).format(cutoff=length),
            cutoff_len=1024,
        )


def rate(draft: Draft) -> None:
    """A learning rate that LoRA learns with."""
    value = draft.number("learning_rate")
    if value is None or not _is_lora(draft):
        return
    if not 1e-6 <= value <= 1e-2:
        text = _("learning_rate: {rate:g} is far from where LoRA learns (1e-4 to 1e-3).")
        draft.mend("learning_rate.unusual", "warning", text.format(rate=value), learning_rate=_RATE)
    elif value < 5e-5:
        text = _("learning_rate: {rate:g} is one for training all the weights; LoRA wants 1e-4 to 1e-3.")
        draft.mend("learning_rate.low", "warning", text.format(rate=value), learning_rate=_RATE)


def rank(draft: Draft) -> None:
    """Matrices that can hold something, at a strength that fits them."""
    value, alpha = draft.number("lora_rank"), draft.number("lora_alpha")
    if value is not None and value < 4:
        text = _("lora_rank: {rank} leaves room for hardly anything.").format(rank=value)
        draft.mend("lora_rank.small", "warning", text, lora_rank=8, lora_alpha=16)
    elif value and alpha and not value / 2 <= alpha <= 4 * value:
        text = _("lora_alpha: {alpha} is far from lora_rank: {rank}; twice the rank is usual.").format(
            alpha=alpha, rank=value
        )
        draft.mend("lora_alpha.unusual", "warning", text, lora_alpha=int(2 * value))


def targets(draft: Draft) -> None:
    """Names of layers that exist in some model."""
    names = draft.values.get("lora_target") or []
    mended = []
    for name in names:
        if name == "all" or name.rpartition(".")[2] in LINEAR:
            mended.append(name)
        elif near := get_close_matches(name.lower(), LINEAR, 1, 0.75):
            mended.append(near[0])
    if mended != names:
        wrong = ", ".join(one_line(name, 40) for name in names if name not in mended)
        text = _("lora_target: {names} is no layer that LoRA can be put on.").format(names=wrong)
        draft.mend("lora_target.unknown", "warning", text, lora_target=list(dict.fromkeys(mended)) or ["all"])


def warmup(draft: Draft) -> None:
    """``warmup_steps``: below 1 it is a share of the steps since transformers 5, which has a key of its own here."""
    given = draft.values.get("warmup_steps")
    if isinstance(given, float) and 0 < given < 1:
        draft.values["warmup_ratio"] = draft.values.pop("warmup_steps")


def steps(draft: Draft) -> None:
    """Steps that are too few whatever the data: ``max_samples`` bounds them from above."""
    bound = _most_samples(draft)
    if not bound:
        return
    draft.say(
        "max_samples.few",
        "info",
        _(
            "max_samples: {count}: only the first ones of each dataset are learned; without it all are."
        ).format(count=draft.values["max_samples"]),
    )
    count, (rows, batches) = _steps(draft, bound), _batches(draft)
    epochs = draft.number("num_train_epochs") or 0
    if count < _ENOUGH_STEPS and draft.number("max_steps") == -1:
        text = _(
            "At most {steps} optimiser steps: {samples} samples at {batch} a step, {epochs:g} times; hardly anything is learned in so few."
        ).format(steps=count, samples=bound, batch=rows * batches, epochs=epochs)
        draft.mend(
            "steps.few",
            "warning",
            text,
            gradient_accumulation_steps=max(1, min(batches, 8 // rows)),
            num_train_epochs=max(3.0, epochs),
        )


def points(draft: Draft) -> None:
    """A loss curve and checkpoints: LLaMA-Factory's own 500 shows nothing for 500 steps."""
    bound = _most_samples(draft)
    count = _steps(draft, bound) if bound else 0
    logging, saving = draft.number("logging_steps"), draft.number("save_steps")
    if logging is not None and logging > 10:
        text = (
            _(
                "logging_steps: {every} lies behind the end, at most {steps} steps: there would be no loss curve."
            )
            if count and logging > count
            else _("logging_steps: {every} shows a point of the loss curve too rarely to act on.")
        ).format(every=logging, steps=count)
        draft.mend("logging_steps.rare", "warning", text, logging_steps=1)
    if saving is not None and count and saving > count:
        text = _(
            "save_steps: {every} lies behind the end, at most {steps} steps: nothing would be saved on the way."
        ).format(every=saving, steps=count)
        draft.mend("save_steps.beyond_end", "warning", text, save_steps=max(1, math.ceil(count / 4)))
    measuring = draft.number("eval_steps")
    if measuring is not None and count and measuring > count:
        text = _(
            "eval_steps: {every} lies behind the end, at most {steps} steps: measured with each checkpoint."
        )
        draft.mend(
            "eval_steps.beyond_end", "warning", text.format(every=measuring, steps=count), eval_steps=None
        )


def held_out(draft: Draft) -> None:
    """``val_size`` that holds out no row, or one."""
    share, bound = draft.number("val_size") or 0, _most_samples(draft)
    if 0 < share < 1 and bound and share * bound < 5:
        text = _("val_size: {share:g} of at most {samples} samples is {rows}: too few to measure on.").format(
            share=share, samples=bound, rows=round(share * bound)
        )
        draft.mend("val_size.few_rows", "warning", text, val_size=0.1)
    elif share == 1:
        text = _("val_size: 1 means all of the samples to LLaMA-Factory, which then has none to learn.")
        draft.mend("val_size.all", "warning", text, val_size=0.1)


def precision(draft: Draft) -> None:
    """bf16 and fp16 that this machine has, or left to the hardware."""
    bf16, fp16 = draft.values.get("bf16"), draft.values.get("fp16")
    if draft.values.get("pure_bf16") and _is_lora(draft):
        text = _("pure_bf16 is left out: LoRA's own weights stay in 32 bits here.")
        draft.mend("precision.pure_bf16", "warning", text, bf16=True, pure_bf16=False)
    if bf16 and fp16:
        text = _("bf16 and fp16 are both asked for: left to the hardware.")
        draft.mend("precision.both", "warning", text, bf16=None, fp16=None)
    elif fp16 and draft.device.kind == "cpu":
        text = _("fp16 needs a GPU, and there is none: left to the hardware.")
        draft.mend("precision.fp16_cpu", "warning", text, bf16=None, fp16=None)
    elif fp16 and draft.device.bf16:
        text = _("fp16 can overflow, and {device} has bfloat16: left to the hardware.").format(
            device=draft.device.name
        )
        draft.mend("precision.bf16_better", "info", text, bf16=None, fp16=None)
    elif bf16 and not draft.device.bf16:
        text = _(
            "{device} has no bfloat16 of its own, and torch would imitate it, slowly: left to the hardware."
        )
        draft.mend(
            "precision.bf16_emulated", "warning", text.format(device=draft.device.name), bf16=None, fp16=None
        )


def _is_lora(draft: Draft) -> bool:
    return draft.values.get("finetuning_type", "lora") == "lora"


def _most_samples(draft: Draft) -> int:
    """The most samples that can be learned, 0 when the arguments do not say."""
    limit, names = draft.number("max_samples"), draft.values.get("dataset") or []
    return int(limit * len(names)) if limit and limit < 100_000 else 0


def _batches(draft: Draft) -> tuple[int, int]:
    """Samples that are worked on at once, and how often for one step."""
    rows, batches = draft.number("per_device_train_batch_size"), draft.number("gradient_accumulation_steps")
    return int(rows or 1), int(batches or 1)


def _steps(draft: Draft, samples: int) -> int:
    """Optimiser steps over so many samples."""
    names = ("per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps")
    values = {name: draft.number(name) for name in names}
    # Only their number is wanted, not a list of all checkpoints.
    recipe = Recipe.model_validate({"dataset": ["-"], "save_steps": 10**9, **values})
    return schedule(recipe, samples).steps
