"""A few real optimiser steps, to see what they take: on the samples that take most memory, then on typical ones.

A child process that answers one request (see :mod:`tarot_tui.training.probe`). Nothing is saved, and nothing is left
behind: it ends with whoever asked, or when it has taken more than it may.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import TrainerCallback
from transformers.trainer_utils import SaveStrategy

from tarot_tui.errors import Refused
from tarot_tui.jobs import worker
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import size
from tarot_tui.training import child
from tarot_tui.training.child import Say
from tarot_tui.training.encode import load_tokenizer
from tarot_tui.training.engines.batches import Item
from tarot_tui.training.engines.callbacks import TrainerLog
from tarot_tui.training.engines.model import load_model
from tarot_tui.training.engines.native import make_trainer, quieten
from tarot_tui.training.engines.peak import peak_bytes
from tarot_tui.training.packing import items, tokens
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import Samples, prepare

#: Steps on the longest samples: the second one is the first with an optimiser. Then typical ones.
_LONGEST, _TYPICAL = 2, 4
#: Batches of a step at most: the gradients of the second are added to those of the first.
_BATCHES = 2
_LOOKS_A_SECOND = 10
#: Share of the memory that was free which may be taken.
_SHARE = 0.95


@dataclass
class Watch(TrainerCallback):
    """Seconds and tokens of each step; stops at ``deadline`` (by the monotonic clock)."""

    deadline: float
    steps: list[tuple[float, int]] = field(default_factory=list)
    _begun: float = 0.0
    _tokens: int = 0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_unused: Any) -> None:
        """The clock begins."""
        self._begun, self._tokens = time.monotonic(), state.num_input_tokens_seen

    def on_step_end(self, args: Any, state: Any, control: Any, **_unused: Any) -> None:
        """Note it."""
        now = time.monotonic()
        self.steps.append((now - self._begun, state.num_input_tokens_seen - self._tokens))
        control.should_training_stop |= now > self.deadline

    @property
    def speed(self) -> float:
        """Tokens a second: of the typical steps, or of the longest where there were no others."""
        typical = self.steps[_LONGEST:] or self.steps[-1:]
        seconds = sum(step for step, _tokens in typical)
        return sum(count for _step, count in typical) / seconds if seconds else 0.0


def order(recipe: Recipe, lengths: Sequence[int]) -> list[int]:
    """The indices of the samples to be learned, ``_LONGEST + _TYPICAL`` steps of them: the longest, then such as the
    lengths are spread."""
    step = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
    ranked = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    longest = [ranked[place % len(ranked)] for place in range(step)]
    count = step * _TYPICAL
    spread = [ranked[(2 * place + 1) * len(ranked) // (2 * count)] for place in range(count)]
    # Each step gets short ones and long ones.
    return longest * _LONGEST + [index for first in range(_TYPICAL) for index in spread[first::_TYPICAL]]


def _probe(request: dict[str, Any], say: Say) -> dict[str, Any]:
    worker.end_with_launcher()
    quieten()
    cpu = request["device"]["kind"] == "cpu"
    _limit(request["device"], cpu=cpu)
    base = Path(request["base"])
    asked = Recipe.model_validate(request["recipe"])
    recipe = asked.model_copy(
        update={
            "gradient_accumulation_steps": min(asked.gradient_accumulation_steps, _BATCHES),
            "max_steps": _LONGEST + _TYPICAL,
            "report_to": "none",
            "early_stopping_steps": None,
            "load_best_model_at_end": False,
            "group_by_length": False,
            # One process alone shares nothing out.
            "fsdp": None,
            "deepspeed": None,
        }
    )
    tokenizer = load_tokenizer(base)
    samples = prepare(Project(Path(request["project"])), recipe, base, tokenizer)
    say(_("Loading the model …"))
    model = load_model(base, recipe, request["precision"], cpu=cpu)
    # Nothing is written there.
    nowhere = Path(tempfile.gettempdir())
    learned = Samples(samples.train, [], [], samples.sha256)
    trainer = make_trainer(model, tokenizer, learned, recipe, nowhere, request)
    trainer.args.save_strategy = SaveStrategy.NO
    trainer.remove_callback(TrainerLog)
    watch = Watch(time.monotonic() + request["seconds"])
    trainer.add_callback(watch)
    drawn: list[Item] = items(recipe, samples.train)
    places = order(recipe, [tokens(item) for item in drawn])
    trainer._get_train_sampler = lambda *_dataset: places
    say(_("Taking {count} steps …").format(count=recipe.max_steps))
    try:
        trainer.train()
    except (torch.OutOfMemoryError, MemoryError):
        raise Refused(_no_room(request["device"])) from None
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            raise Refused(_no_room(request["device"])) from None
        raise
    return {"peak": peak_bytes(cpu=cpu), "speed": watch.speed, "steps": len(watch.steps)}


def _limit(device: dict[str, Any], *, cpu: bool) -> None:
    """Take no more than was free, and be the first to go should the machine run short."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    allowed = int(device["free"] * _SHARE)
    if not cpu:
        torch.cuda.set_per_process_memory_fraction(min(allowed / device["total"], 1.0))
        return

    def watch() -> None:
        me = psutil.Process()
        while me.memory_info().rss < allowed:
            time.sleep(1 / _LOOKS_A_SECOND)
        child.answer(error=Refused.__name__, text=_no_room(device))
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _no_room(device: dict[str, Any]) -> str:
    return _("The first steps need more memory than is free ({free}).").format(free=size(device["free"]))


if __name__ == "__main__":
    child.serve(_probe)
