"""A recipe in Trainer's words."""

from __future__ import annotations

from pathlib import Path

from transformers import TrainingArguments

from tarot_tui.jobs import worker
from tarot_tui.training.engines.model import learns_outside_lora
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.schedule import schedule


def arguments(
    recipe: Recipe,
    folder: Path,
    count: int,
    precision: str,
    *,
    cpu: bool,
    measure: bool,
) -> TrainingArguments:
    """The recipe in Trainer's words, for so many samples."""
    same = ("num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
            "learning_rate", "lr_scheduler_type", "weight_decay", "max_grad_norm", "optim", "seed",
            "logging_steps", "save_steps", "gradient_checkpointing",
            "adam_beta1", "adam_beta2", "adam_epsilon")  # fmt: skip
    home = folder.absolute()
    return TrainingArguments(
        output_dir=str(folder),
        **{name: getattr(recipe, name) for name in same},
        warmup_steps=schedule(recipe, count, worker.processes()).warmup,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recipe.gradient_checkpointing else None,
        per_device_eval_batch_size=recipe.eval_batch,
        eval_strategy="steps" if measure else "no",
        eval_steps=recipe.measuring_steps if measure else None,
        prediction_loss_only=True,
        save_strategy="steps",
        save_total_limit=recipe.kept_checkpoints(measured=measure),
        # On the CPU the base itself is in bf16, and beside LoRA's own matrices nothing needs casting.
        bf16=precision == "bf16" and not recipe.pure_bf16 and (not cpu or learns_outside_lora(recipe)),
        fp16=precision == "fp16",
        use_cpu=cpu,
        dataloader_pin_memory=not cpu,
        data_seed=recipe.seed,
        remove_unused_columns=False,
        label_names=["labels"],
        include_num_input_tokens_seen="non_padding",
        # A NaN must be seen, not averaged away.
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        metric_for_best_model="eval_loss" if measure else None,
        greater_is_better=False if measure else None,
        load_best_model_at_end=recipe.load_best_model_at_end and measure,
        report_to=recipe.report_to,
        run_name=home.name,
        project=home.parent.parent.name,
        trackio_static_space_id=False,
    )  # fmt: skip
