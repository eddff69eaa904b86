"""What no recipe may ask for together: each rule says which key is at fault, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.locale import _
from tarot_tui.training.parameters import Recipe


def contradictions(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The key and the sentence of everything that is wrong with the recipe as a whole."""
    for rule in (_precision, _mix, _steps, _full, _measured):
        yield from rule(recipe)


def _precision(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.bf16 and recipe.fp16:
        yield "bf16", _("bf16 and fp16 cannot both be true: choose one.")
    if recipe.pure_bf16 and (recipe.fp16 or recipe.bf16 is False):
        yield "pure_bf16", _("pure_bf16 computes in bf16: leave bf16 and fp16 empty.")


def _mix(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """LLaMA-Factory's own rules for chances."""
    if recipe.probabilities is None:
        return
    if recipe.mix_strategy == "concat":
        yield (
            "interleave_probs",
            _("interleave_probs needs mix_strategy interleave_under or interleave_over."),
        )
    elif len(recipe.probabilities) != len(recipe.dataset):
        text = _("interleave_probs has {count} numbers, and there are {datasets} datasets.")
        yield (
            "interleave_probs",
            text.format(count=len(recipe.probabilities), datasets=len(recipe.dataset)),
        )


def _steps(recipe: Recipe) -> Iterator[tuple[str, str]]:
    if recipe.max_steps == 0:
        yield "max_steps", _("max_steps must be -1 (no limit) or at least 1.")


def _full(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """What belongs to one way of fine-tuning and would have no effect, or no meaning, with the other."""
    if recipe.finetuning_type != "full":
        if recipe.pure_bf16:
            yield (
                "pure_bf16",
                _("pure_bf16 is for finetuning_type: full; LoRA's own weights stay in 32 bits."),
            )
        return
    if recipe.quantization_bit:
        text = _(
            "A base in {bits} bits cannot be trained whole: use finetuning_type: lora, or full without it."
        )
        yield "quantization_bit", text.format(bits=recipe.quantization_bit)
    for key in ("adapter_name_or_path", "use_rslora", "use_dora", "loraplus_lr_ratio", "additional_target"):
        if getattr(recipe, key):
            yield key, _("{key} only has a meaning with finetuning_type: lora.").format(key=key)


def _measured(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Measuring needs something to measure on, and the best checkpoint a measurement of each."""
    for key in ("early_stopping_steps", "load_best_model_at_end"):
        if getattr(recipe, key) and not (recipe.val_size or recipe.eval_dataset):
            text = _("{key} needs a measured loss: hold samples out with val_size, or name an eval_dataset.")
            yield key, text.format(key=key)
    if recipe.load_best_model_at_end and recipe.measuring_steps != recipe.save_steps:
        yield (
            "eval_steps",
            _(
                "load_best_model_at_end needs a checkpoint of every measurement: leave eval_steps empty, or make it save_steps."
            ),
        )
