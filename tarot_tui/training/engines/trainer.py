"""transformers' Trainer, with what it leaves to others: LoRA+'s learning rates, a measured loss that does not hang on how
samples are divided, and a whole model saved as its base was."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from tarot_tui.training.encode import IGNORED


class RecipeTrainer(Trainer):
    """Trainer whose second LoRA matrices learn ``loraplus_lr_ratio`` times as fast as everything else (None: as fast).

    saved_in: the precision in which weights that are gathered from several processes are saved; None: as they are trained.
    Source: Hayou et al., arXiv:2402.12354. Unlike peft's ``create_loraplus_optimizer`` it takes over the groups that
    Trainer makes, and with them the recipe's weight decay and every optimiser that Trainer knows.
    """

    def __init__(self, *args: Any, loraplus_lr_ratio: float | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ratio = loraplus_lr_ratio
        #: Of what has been measured so far: the sum of the losses, and the tokens.
        self._measured = torch.zeros(2, device=self.args.device)
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

    def evaluation_loop(self, *args: Any, metric_key_prefix: str = "eval", **options: Any) -> EvalLoopOutput:
        """Trainer's, but with the mean over all tokens as the loss.

        Its own is the mean over batches, so that it would change with their size and with the number of processes.
        """
        self._measured.zero_()
        output = super().evaluation_loop(*args, metric_key_prefix=metric_key_prefix, **options)
        total, tokens = self.accelerator.reduce(self._measured, "sum").tolist()
        output.metrics[f"{metric_key_prefix}_loss"] = total / tokens
        return output

    def prediction_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **options: Any
    ) -> tuple[Any, Any, Any]:
        """Trainer's, of which loss and tokens are added to those of the other batches."""
        found = super().prediction_step(model, inputs, *args, **options)
        targets = inputs["labels"] if "shift_labels" in inputs else inputs["labels"][:, 1:]
        count = (targets != IGNORED).sum().to(self._measured)
        # Divided by the tokens of all processes it was, and then taken as often as there are processes.
        total = found[0] * self.accelerator.reduce(count, "sum") / self.accelerator.num_processes
        self._measured += torch.stack([total.to(count), count])
        return found

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
