"""transformers' Trainer, with the one thing that it leaves to others: learning rates of their own for LoRA+."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Trainer


class RecipeTrainer(Trainer):
    """Trainer whose second LoRA matrices learn ``loraplus_lr_ratio`` times as fast as everything else (None: as fast).

    Source: Hayou et al., arXiv:2402.12354. Unlike peft's ``create_loraplus_optimizer`` it takes over the groups that
    Trainer makes, and with them the recipe's weight decay and every optimiser that Trainer knows.
    """

    def __init__(self, *args: Any, loraplus_lr_ratio: float | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ratio = loraplus_lr_ratio

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Trainer's, with the second matrices in groups of their own."""
        if self.optimizer is None and self._ratio:
            super().create_optimizer(model)
            trained = self.model if model is None else model
            _split_off(
                {id(weight) for name, weight in trained.named_parameters() if "lora_B" in name},
                self.optimizer,
                self._ratio,
            )
        return super().create_optimizer(model)


def _split_off(chosen: set[int], optimizer: torch.optim.Optimizer, ratio: float) -> None:
    for group in list(optimizer.param_groups):
        faster = [weight for weight in group["params"] if id(weight) in chosen]
        if faster:
            group["params"] = [weight for weight in group["params"] if id(weight) not in chosen]
            optimizer.add_param_group({**group, "params": faster, "lr": group["lr"] * ratio})
