"""What a training tries by itself when memory runs out: the same samples a step, in smaller portions, and so on.

The first rungs change nothing in what is learned; those behind them do, so they are taken only when the recipe's
``on_oom`` allows them. See :mod:`tarot_tui.jobs.retry` for what becomes of the list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import retry
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.training.parallel import shared
from tarot_tui.training.recipe import Recipe, dump, load

#: The recipe in force, beside ``job.yaml`` in a run's folder.
RECIPE = "recipe.yaml"

#: How far down the ladder each value of ``on_oom`` lets a run go.
_REACH = {"fail": 0, "batch": 1, "checkpointing": 2, "shorter": 3, "4bit": 4}
#: Tokens that a shortened sample is cut at a multiple of.
_TOKENS = 8


def retries(
    recipe: Recipe, device: str, length: Mapping[str, int], steps: int, processes: int
) -> dict[str, Any]:
    """The keys ``retries`` and ``last_words`` of the run's ``job.yaml``; no rungs when it is to fail at once.

    device: ``cuda`` or ``cpu``. length, steps: as in :class:`.plan.Plan`.
    """
    reach = _REACH[recipe.on_oom]
    # What a smaller batch saves is memory of the device, not of the machine around it.
    cause = "cuda_oom" if device == "cuda" else "host_oom"
    ladder = _ladder(recipe, length, steps, processes)
    rungs = [{"causes": [cause], **rung} for level, rung in ladder if level <= reach]
    return {"retries": rungs, "last_words": {cause: _last_word(recipe, reach)}}


def record(project: Project, folder: Path) -> None:
    """Take what the ladder changed over into the run's ``recipe.yaml``, and leave what else was edited there."""
    changed = retry.in_force(folder, {})
    if not changed:
        return
    with suppress(BadInput):  # half edited: whoever does it will say so when the run is resumed
        written = load(project, folder / RECIPE)
        write_text(folder / RECIPE, dump(Recipe.model_validate({**written.model_dump(), **changed})))


def _ladder(
    recipe: Recipe, length: Mapping[str, int], steps: int, processes: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each rung and its level, the whole way down."""
    for batch, times in _smaller_batches(recipe, processes):
        yield (
            1,
            {
                "begun": True,
                "changes": {"per_device_train_batch_size": batch, "gradient_accumulation_steps": times},
                "what": _("Going on with {count} samples at once; a step still sees {all}.").format(
                    count=batch, all=batch * times
                ),
            },
        )
    if not recipe.gradient_checkpointing:
        yield (
            2,
            {
                "begun": True,
                "changes": {"gradient_checkpointing": True},
                "what": _("Going on with gradient checkpointing."),
            },
        )
    yield (
        3,
        {
            "begun": True,
            # The steps stay those that were planned, also where nothing is left to learn of some samples.
            "changes": {"cutoff_len": _shorter(recipe, length), "allow_truncation": True, "max_steps": steps},
            "what": _("Going on with samples cut at {length} tokens.").format(
                length=_shorter(recipe, length)
            ),
        },
    )
    if _may_be_quantised(recipe):
        yield (
            4,
            {
                "begun": False,
                "changes": {"quantization_bit": 4},
                "what": _("Going on with the base in 4 bits."),
            },
        )


def _may_be_quantised(recipe: Recipe) -> bool:
    # ZeRO-3, which a file of the user's may say too, cannot share out a base in 4 bits; and the file that accelerate
    # was given has FSDP read the base in a way that only one of 16 bits can be read.
    sharded = recipe.fsdp or recipe.deepspeed not in (None, "z2", "z2_offload")
    return recipe.finetuning_type == "lora" and recipe.quantization_bit != 4 and not sharded


def _smaller_batches(recipe: Recipe, processes: int) -> Iterator[tuple[int, int]]:
    """Micro-batches and accumulation, each about half of the one before, a step's samples always the same."""
    effective = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
    batch = shared(recipe, processes).per_device_train_batch_size
    while batch > 1:
        half = batch // 2
        batch = next(size for size in range(half, 0, -1) if effective // processes % size == 0)
        yield batch, effective // batch


def _shorter(recipe: Recipe, length: Mapping[str, int]) -> int:
    """A length that leaves 19 of 20 samples whole where that is shorter, else half the longest."""
    longest = min(length["max"], recipe.cutoff_len)
    wanted = max(length["p95"], longest // 2)
    fits = math.ceil(wanted / _TOKENS) * _TOKENS
    return fits if fits < longest else max(_TOKENS, longest // 2)


def _last_word(recipe: Recipe, reach: int) -> str:
    further = [name for name, level in _REACH.items() if level > reach and name != "batch"]
    if not _may_be_quantised(recipe):
        further = [name for name in further if name != "4bit"]
    if not further:
        return _("All that the recipe allows was tried: a smaller base model or more memory is needed.")
    if further[0] == "checkpointing":
        command = "tarot-tui resume {job} --set on_oom=checkpointing"
        return _("To let it try with less by itself: {command}").format(command=command)
    command = f"tarot-tui resume {{job}} --set on_oom={further[0]}"
    return _("What is left to try changes what is learned, so it needs your word: {command}").format(
        command=command
    )
