"""transformers' Trainer, with what it leaves to others: LoRA+'s learning rates, and a whole model saved as its base was."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Trainer


class RecipeTrainer(Trainer):
    """Trainer whose second LoRA matrices learn ``loraplus_lr_ratio`` times as fast as everything else (None: as fast).

    saved_in: the precision in which weights that are gathered from several processes are saved; None: as they are trained.
    Source: Hayou et al., arXiv:2402.12354. Unlike peft's ``create_loraplus_optimizer`` it takes over the groups that
    Trainer makes, and with them the recipe's weight decay and every optimiser that Trainer knows.
    """

    def __init__(self, *args: Any, loraplus_lr_ratio: float | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ratio = loraplus_lr_ratio
        self.saved_in: torch.dtype | None = None

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

    def _save(self, output_dir: str | None = None, state_dict: dict[str, torch.Tensor] | None = None) -> None:
        """Trainer's only place where gathered weights pass by; on other processes than the first there are none."""
        gathered = bool(self.saved_in and state_dict)
        if gathered:
            # Once gathered, weights that are one no longer look it.
            tied = getattr(self.model, "all_tied_weights_keys", {})
            state_dict = {
                name: weight.to(self.saved_in) if weight.is_floating_point() else weight
                for name, weight in state_dict.items()
                if tied.get(name) not in state_dict
            }
        super()._save(output_dir, state_dict)
        if gathered:
            self.model.config.dtype = self.saved_in
            self.model.config.save_pretrained(output_dir or self.args.output_dir)


def _split_off(chosen: set[int], optimizer: torch.optim.Optimizer, ratio: float) -> None:
    for group in list(optimizer.param_groups):
        faster = [weight for weight in group["params"] if id(weight) in chosen]
        if faster:
            group["params"] = [weight for weight in group["params"] if id(weight) not in chosen]
            optimizer.add_param_group({**group, "params": faster, "lr": group["lr"] * ratio})
