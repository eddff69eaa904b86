"""When what happens: optimiser steps, warm-up, points of the loss curve, measurements, checkpoints: Trainer's arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tarot_tui.training.recipe import Recipe


@dataclass(frozen=True)
class Schedule:
    """steps: of the optimiser, in all. per_epoch: of them in one pass over the data. warmup: the first ones, with a
    rising learning rate. loss_points: points of the curve. evaluations, checkpoints: the steps after which the loss on
    samples held out is measured, were there any, and one is saved (more than ``save_total_limit`` are not kept)."""

    steps: int
    per_epoch: int
    warmup: int
    loss_points: int
    evaluations: tuple[int, ...]
    checkpoints: tuple[int, ...]


def schedule(recipe: Recipe, samples: int, processes: int = 1) -> Schedule:
    """The schedule for so many training samples on so many processes.

    Source: ``Trainer.set_initial_training_values`` and ``TrainingArguments.get_warmup_steps`` of transformers 5,
    ``DefaultFlowCallback`` for logging, measuring and saving (the latter two also after the last step).
    """
    batches = math.ceil(samples / (recipe.per_device_train_batch_size * processes))
    per_epoch = max(math.ceil(batches / recipe.gradient_accumulation_steps), 1)
    steps = recipe.max_steps if recipe.max_steps > 0 else math.ceil(recipe.num_train_epochs * per_epoch)
    if not samples:
        return Schedule(0, 0, 0, 0, (), ())
    return Schedule(
        steps=steps,
        per_epoch=per_epoch,
        warmup=recipe.warmup_steps or math.ceil(steps * recipe.warmup_ratio),
        loss_points=steps // recipe.logging_steps,
        evaluations=_every(recipe.measuring_steps, steps),
        checkpoints=_every(recipe.save_steps, steps),
    )


def _every(interval: int, steps: int) -> tuple[int, ...]:
    return tuple(sorted({*range(interval, steps + 1, interval), steps}))
