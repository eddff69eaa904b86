"""Rates and ranks: far from where this kind of training is known to learn, mostly by a slip."""

from __future__ import annotations

from collections.abc import Iterator

from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.training.checks import Facts

#: By kind of training: the rates between which it is known to learn (outside, mostly a slip of the exponent), and a
#: good one. LoRA wants about ten times as much as full fine-tuning (Schulman et al., LoRA Without Regret, 2025).
_RATES = {"lora": (1e-5, 2e-3, "2e-4"), "full": (1e-7, 2e-4, "2e-5")}
#: Ranks below this leave each layer hardly a direction to change in.
_LEAST_RANK = 4
#: Bits that a weight can hold (Allen-Zhu and Li, Physics of Language Models 3.3, arXiv:2404.05405), and that a token to
#: be learned is worth, at about the loss that a training ends with.
_BITS_A_WEIGHT, _BITS_A_TOKEN = 2.0, 1.0
#: lora_alpha over the rank; QLoRA's own is a quarter.
_SCALES = (1 / 8, 8)


def _rate(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    low, high, good = _RATES[recipe.finetuning_type]
    if not low <= recipe.learning_rate <= high:
        yield Finding(
            "learning_rate.unusual",
            "warning",
            _(
                "learning_rate: {rate:g} is far from where finetuning_type: {kind} learns ({low:g} to {high:g})."
            ).format(rate=recipe.learning_rate, kind=recipe.finetuning_type, low=low, high=high),
            fix=f"learning_rate: {good}",
        )


def _rank(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    if recipe.finetuning_type != "lora" or recipe.adapter_name_or_path or not facts.trainable:
        return
    learned = sum(sample.supervised for sample in facts.samples.train)
    share = learned * _BITS_A_TOKEN / (facts.trainable * _BITS_A_WEIGHT)
    if recipe.lora_rank < _LEAST_RANK:
        yield Finding(
            "lora_rank.small",
            "warning",
            _(
                "lora_rank: {rank} leaves each layer {rank} directions to change in: 8 or more is usual."
            ).format(rank=recipe.lora_rank),
            fix="lora_rank: 8",
        )
    elif share > 1 and recipe.lora_rank < 1024:
        rank = recipe.lora_rank
        while rank < min(recipe.lora_rank * share, 1024):
            rank *= 2
        yield Finding(
            "lora_rank.small",
            "warning",
            _(
                "lora_rank: {rank} makes {weights:,} weights for {tokens:,} tokens to learn: they cannot hold all of it."
            ).format(rank=recipe.lora_rank, weights=facts.trainable, tokens=learned),
            fix=f"lora_rank: {min(rank, 1024)}",
        )


def _alpha(facts: Facts) -> Iterator[Finding]:
    recipe = facts.recipe
    if recipe.finetuning_type != "lora" or recipe.lora_alpha is None or recipe.adapter_name_or_path:
        return
    scale = recipe.alpha / (recipe.lora_rank**0.5 if recipe.use_rslora else recipe.lora_rank)
    low, high = _SCALES
    if not low <= scale < high:
        yield Finding(
            "lora_alpha.unusual",
            "warning",
            _(
                "lora_alpha: {alpha} beside lora_rank: {rank} lets what is learned act {scale:g} times; 1 or 2 is usual."
            ).format(alpha=recipe.lora_alpha, rank=recipe.lora_rank, scale=scale),
            fix=f"lora_alpha: {2 * recipe.lora_rank}",
        )


CHECKS = (_rate, _rank, _alpha)
