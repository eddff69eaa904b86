"""What happens when: too few steps, batches larger than the data, intervals and warm-ups beyond the end."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.training.checks import Facts
from tarot_tui.training.recipe import Recipe

_FEW_STEPS = 10
#: Rows of packed samples in an epoch below which packing leaves hardly a step to learn in.
_FEW_ROWS = 32


def _few(facts: Facts) -> Iterator[Finding]:
    recipe, steps = facts.recipe, facts.schedule.steps
    if not facts.samples.train or steps >= _FEW_STEPS:
        return
    # One step is nobody's training, unless it was asked for by number.
    alone = steps == 1 and recipe.max_steps != 1
    yield Finding(
        "steps.few",
        "error" if alone else "warning",
        _(
            "Only {steps} optimiser steps: {samples} samples at {batch} a step are seen {epochs:g} times; hardly anything is learned in so few."
        ).format(
            steps=steps,
            samples=len(facts.samples.train),
            batch=_batch(recipe),
            epochs=recipe.num_train_epochs,
        ),
        fix=_more_steps(recipe),
    )


def _batch(recipe: Recipe) -> int:
    return recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps


def _more_steps(recipe: Recipe) -> str:
    if 0 < recipe.max_steps < _FEW_STEPS:
        return "max_steps: -1"
    if recipe.packed:
        return "packing: false, neat_packing: false"
    if recipe.gradient_accumulation_steps > 1:
        return "gradient_accumulation_steps: 1"
    return f"num_train_epochs: {math.ceil(recipe.num_train_epochs * 4)}"


def _batch_beyond_the_data(facts: Facts) -> Iterator[Finding]:
    recipe, samples = facts.recipe, len(facts.samples.train)
    if not samples or _batch(recipe) <= samples or recipe.packed:
        return
    rows = min(recipe.per_device_train_batch_size, samples)
    yield Finding(
        "batch.beyond_dataset",
        "warning",
        _("A step would take {batch} samples, but there are only {samples}: every epoch is one step.").format(
            batch=_batch(recipe), samples=samples
        ),
        fix="gradient_accumulation_steps: 1"
        if rows == recipe.per_device_train_batch_size
        else f"per_device_train_batch_size: {max(1, samples // 4)}, gradient_accumulation_steps: 1",
    )


def _intervals(facts: Facts) -> Iterator[Finding]:
    recipe, steps = facts.recipe, facts.schedule.steps
    if not facts.samples.train:
        return
    quarter = max(1, math.ceil(steps / 4))
    if recipe.save_steps > steps:
        yield Finding(
            "save_steps.beyond_end",
            "info",
            _("save_steps: {every} lies behind the end: the only checkpoint is the last one.").format(
                every=recipe.save_steps
            ),
            fix=f"save_steps: {quarter}",
        )
    if facts.samples.evaluation and recipe.eval_steps and recipe.eval_steps > steps:
        yield Finding(
            "eval_steps.beyond_end",
            "info",
            _("eval_steps: {every} lies behind the end: it is measured only once.").format(
                every=recipe.eval_steps
            ),
            fix=f"eval_steps: {quarter}",
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


def _warmup(facts: Facts) -> Iterator[Finding]:
    steps = facts.schedule.steps
    if steps and facts.schedule.warmup >= steps > 1:
        yield Finding(
            "warmup.beyond_end",
            "warning",
            _(
                "The learning rate would rise for {warmup} steps, but there are only {steps}: it never falls again."
            ).format(warmup=facts.schedule.warmup, steps=steps),
            fix="warmup_steps: 0, warmup_ratio: 0.03",
        )


def _patience(facts: Facts) -> Iterator[Finding]:
    patience, measured = facts.recipe.early_stopping_steps, len(facts.schedule.evaluations)
    if patience and facts.samples.evaluation and measured <= patience:
        yield Finding(
            "early_stopping.never",
            "warning",
            _(
                "early_stopping_steps: {patience} cannot end anything early: it is measured {count} times in all."
            ).format(patience=patience, count=measured),
            fix=f"eval_steps: {max(1, facts.schedule.steps // (4 * patience))}",
        )


def _packing(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    tokens = sum(len(sample.input_ids) for sample in facts.samples.train)
    rows = math.ceil(tokens / recipe.cutoff_len)
    if recipe.packed and facts.samples.train and rows < _FEW_ROWS:
        yield Finding(
            "packing.tiny",
            "warning",
            _(
                "Packed, {samples} samples are only about {rows} rows of {cutoff} tokens: there would be few steps to learn in."
            ).format(samples=len(facts.samples.train), rows=rows, cutoff=recipe.cutoff_len),
            fix="packing: false, neat_packing: false",
        )


CHECKS = (_few, _batch_beyond_the_data, _intervals, _warmup, _patience, _packing)
