"""Samples that are missing, cut short or too long, and a chat template that does not end its turns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.checks import Facts


def _nothing_to_learn(facts: Facts) -> Iterator[Finding]:
    if not facts.samples.train and not facts.samples.empty:
        yield Finding(
            "dataset.empty",
            "error",
            _("There is nothing to learn: {names} holds no sample beside those held out.").format(
                names=", ".join(map(one_line, facts.recipe.dataset))
            ),
        )


def _nothing_to_measure(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    if facts.samples.evaluation:
        return
    if recipe.val_size:
        yield Finding(
            "val_size.no_rows",
            "error",
            _("val_size: {value:g} of these samples is not one: nothing would be measured.").format(
                value=recipe.val_size
            ),
            fix="val_size: 1" if len(facts.samples.train) > 1 else "val_size: 0",
        )
    elif recipe.eval_dataset:
        yield Finding(
            "eval_dataset.no_rows",
            "error",
            _("{names} holds no usable sample: nothing would be measured.").format(
                names=", ".join(map(one_line, recipe.eval_dataset))
            ),
            fix="eval_dataset: ",
        )
    elif recipe.eval_steps:
        yield Finding(
            "eval_steps.no_rows",
            "warning",
            _("eval_steps: {every} measures nothing, for no sample is held out.").format(
                every=recipe.eval_steps
            ),
            fix="val_size: 0.1" if len(facts.samples.train) >= 10 else "val_size: 1",
        )


def _cut(facts: Facts) -> Iterator[Finding]:
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


def _beyond_the_model(facts: Facts) -> Iterator[Finding]:
    used = max((len(sample.input_ids) for sample in facts.all_samples), default=0)
    if facts.positions and used > facts.positions:
        yield Finding(
            "cutoff.beyond_model",
            "error",
            _("The longest sample has {longest} tokens, but this model reads only {positions}.").format(
                longest=used, positions=facts.positions
            ),
            fix=f"cutoff_len: {facts.positions}, allow_truncation: true",
        )


def _endless(facts: Facts) -> Iterator[Finding]:
    if any(not sample.ends for sample in facts.samples.train):
        yield Finding(
            "template.no_end_of_turn",
            "warning",
            _(
                "This model's chat template puts no end-of-turn token behind an answer, so it will not learn to stop."
            ),
        )


CHECKS = (_nothing_to_learn, _nothing_to_measure, _cut, _beyond_the_model, _endless)
