"""One model shared out among several GPUs: what FSDP and DeepSpeed are told, and what they cannot do.

Formats: accelerate's ``fsdp_config`` (accelerate.utils.FullyShardedDataParallelPlugin) and DeepSpeed's JSON
(deepspeed.ai/docs/config-json), its ``auto`` values filled in by transformers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, read_yaml
from tarot_tui.text import one_line
from tarot_tui.training.recipe import Recipe

#: Values of ``fsdp`` that need no file: keep every layer shared out, or only gradients and optimiser between
#: forward and backward, or keep what is not computed with in main memory.
FSDP = ("full_shard", "shard_grad_op", "full_shard_offload")
#: Values of ``deepspeed`` that need no file: the stage of ZeRO, and whether the rest lies in main memory.
ZERO = {"z2": (2, False), "z3": (3, False), "z2_offload": (2, True), "z3_offload": (3, True)}


def fsdp_config(project: Project, recipe: Recipe) -> dict[str, Any]:
    """accelerate's configuration file for ``recipe.fsdp``, without where it runs; a file of the user's as it stands.

    Raises BadInput for one that cannot be read.
    """
    kind = recipe.fsdp or ""
    if kind not in FSDP:
        return read_yaml(_file(project, "fsdp", kind, FSDP))
    return {
        "distributed_type": "FSDP",
        "fsdp_config": {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": kind != "shard_grad_op",
            "fsdp_offload_params": kind == "full_shard_offload",
            # Whole, so that rank 0 can write an adapter that everything else can read.
            "fsdp_state_dict_type": "FULL_STATE_DICT",
            # One process reads the base and hands it out; a base in 4 bits cannot be handed out.
            "fsdp_cpu_ram_efficient_loading": recipe.quantization_bit is None,
        },
    }


def ds_config(project: Project, recipe: Recipe) -> dict[str, Any]:
    """DeepSpeed's configuration for ``recipe.deepspeed``; a file of the user's as it stands. Raises BadInput as above."""
    kind = recipe.deepspeed or ""
    if kind not in ZERO:
        path = _file(project, "deepspeed", kind, tuple(ZERO))
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(
                _("{file} is no JSON that can be read: {reason}").format(
                    file=path, reason=one_line(str(error), 120)
                )
            ) from None
        if not isinstance(found, dict):
            raise BadInput(_("{file} must hold one JSON object.").format(file=path))
        return found
    stage, offload = ZERO[kind]
    zero: dict[str, Any] = {"stage": stage, "overlap_comm": True, "contiguous_gradients": True}
    if offload:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if stage == 3:
        zero |= {
            "reduce_bucket_size": "auto",
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            # Whole, so that the adapter can be written.
            "stage3_gather_16bit_weights_on_model_save": True,
        }
        if offload:
            zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    return {
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
        "fp16": {"enabled": "auto"},
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        # DeepSpeed's own optimiser for main memory has to be compiled first; for LoRA's few weights torch's will do.
        "zero_force_ds_cpu_optimizer": offload and recipe.finetuning_type == "full",
    }


def stage_of(config: dict[str, Any]) -> int:
    """The stage of ZeRO in DeepSpeed's configuration; 0 where it does not say."""
    zero = config.get("zero_optimization")
    stage = zero.get("stage") if isinstance(zero, dict) else None
    return stage if isinstance(stage, int) else 0


def spared(project: Project, recipe: Recipe, processes: int, memory: Mapping[str, int]) -> int:
    """Bytes of one GPU's estimated ``memory`` (:class:`.memory.Memory`) that lie with the others, or in main memory.

    What each stage shares out: ZeRO, arXiv:1910.02054, §5; FSDP's full_shard is its stage 3, shard_grad_op its 2.
    Raises BadInput for a file of the user's that cannot be read.
    """
    if not (recipe.fsdp or recipe.deepspeed):
        return 0
    if recipe.fsdp:
        told = fsdp_config(project, recipe).get("fsdp_config") or {}
        whole, offload = told.get("fsdp_reshard_after_forward", True), told.get("fsdp_offload_params", False)
        optimiser = offload
    else:
        config = ds_config(project, recipe)
        zero = config.get("zero_optimization") or {}
        whole, optimiser = stage_of(config) == 3, _offloads(zero, "offload_optimizer")
        offload = _offloads(zero, "offload_param")
    kept = {"gradients": 1 / processes, "optimizer": 0 if optimiser else 1 / processes}
    if whole:
        kept |= dict.fromkeys(("weights", "trainable"), 0 if offload else 1 / processes)
    return round(sum(memory[part] * (1 - share) for part, share in kept.items()))


def findings(project: Project, recipe: Recipe, processes: int, device: str) -> Iterator[Finding]:
    """What speaks against sharing ``recipe``'s model out among so many processes on ``device`` (``cuda``, ``cpu``).

    Raises BadInput for a file of the user's that cannot be read.
    """
    if recipe.fsdp:
        yield from _both(recipe)
        yield from _place("fsdp", device)
        yield from _fsdp(project, recipe, processes)
    elif recipe.deepspeed:
        yield from _place("deepspeed", device)
        yield from _deepspeed(project, recipe)


def _both(recipe: Recipe) -> Iterator[Finding]:
    if recipe.deepspeed:
        yield _error("sharding.both", _("fsdp and deepspeed do the same: choose one."), "deepspeed: null")


def _place(key: str, device: str) -> Iterator[Finding]:
    if device != "cuda":
        yield _error(
            "sharding.needs_gpu",
            _("{key} shares a model out among GPUs, and there is none.").format(key=key),
            f"{key}: null",
        )


def _fsdp(project: Project, recipe: Recipe, processes: int) -> Iterator[Finding]:
    if processes < 2:
        yield _error(
            "fsdp.alone", _("fsdp needs at least two processes to share among."), "--num-processes 2"
        )
    if recipe.quantization_bit == 8:
        yield _error("fsdp.8bit", _("fsdp cannot share out a base of 8 bits."), "quantization_bit: 4")
    if "8bit" in recipe.optim:
        text = _("optim: {name} cannot work on weights that fsdp shares out.").format(name=recipe.optim)
        yield _error("fsdp.optim", text, "optim: adamw_torch")
    config = fsdp_config(project, recipe)
    if config.get("distributed_type") != "FSDP":
        text = _("{file}: distributed_type must be FSDP.").format(file=recipe.fsdp)
        yield _error("fsdp.file", text, "fsdp: full_shard")
        return
    told = config.get("fsdp_config")
    told = told if isinstance(told, dict) else {}
    for key, wanted, why in (
        ("fsdp_version", 2, _("the older one is leaving transformers")),
        ("fsdp_state_dict_type", "FULL_STATE_DICT", _("otherwise no adapter is written")),
    ):
        if told.get(key) != wanted:
            text = _("{file}: {key} must be {wanted}: {why}.").format(
                file=recipe.fsdp, key=key, wanted=wanted, why=why
            )
            yield _error("fsdp.file", text, f"{key}: {wanted}")
    if told.get("fsdp_activation_checkpointing") and recipe.gradient_checkpointing:
        text = _("{file}: activations would be checkpointed twice.").format(file=recipe.fsdp)
        yield _error("fsdp.checkpointing", text, "gradient_checkpointing: false")
    if told.get("fsdp_cpu_ram_efficient_loading") and recipe.quantization_bit:
        text = _("{file}: a base in 4 bits cannot be read by one process for all.").format(file=recipe.fsdp)
        yield _error("fsdp.loading", text, "fsdp_cpu_ram_efficient_loading: false")


def _deepspeed(project: Project, recipe: Recipe) -> Iterator[Finding]:
    if not find_spec("deepspeed"):
        text = _("deepspeed needs the package of that name, which is not installed.")
        yield _error("deepspeed.missing", text, "pip install deepspeed")
    config = ds_config(project, recipe)
    stage = stage_of(config)
    if stage == 3 and recipe.quantization_bit:
        text = _("ZeRO-3 cannot share out a base of {bits} bits.").format(bits=recipe.quantization_bit)
        yield _error("deepspeed.zero3_quantised", text, "deepspeed: z2")
    if stage == 3 and recipe.pure_bf16:
        text = _("pure_bf16 and ZeRO-3 do not go together: DeepSpeed keeps weights of its own in 32 bits.")
        yield _error("deepspeed.zero3_bf16", text, "pure_bf16: false")
    zero = config.get("zero_optimization")
    zero = zero if isinstance(zero, dict) else {}
    if "8bit" in recipe.optim and _offloads(zero, "offload_optimizer"):
        text = _("optim: {name} needs the GPU, and its state would lie in main memory.").format(
            name=recipe.optim
        )
        yield _error("deepspeed.optim", text, "optim: adamw_torch")
    if recipe.deepspeed in ZERO:
        return
    for key in (
        "train_batch_size",
        "train_micro_batch_size_per_gpu",
        "gradient_accumulation_steps",
        "gradient_clipping",
    ):
        if config.get(key, "auto") != "auto":
            text = _('{file}: {key} must be "auto", so that the recipe decides.').format(
                file=recipe.deepspeed, key=key
            )
            yield _error("deepspeed.file", text, f'"{key}": "auto"')
    gathers = "stage3_gather_16bit_weights_on_model_save"
    if stage == 3 and not zero.get(gathers):
        text = _("{file}: {key} must be true: otherwise no adapter is written.").format(
            file=recipe.deepspeed, key=gathers
        )
        yield _error("deepspeed.file", text, f'"{gathers}": true')


def _offloads(zero: dict[str, Any], what: str) -> bool:
    told = zero.get(what)
    return isinstance(told, dict) and told.get("device", "none") != "none"


def _file(project: Project, key: str, name: str, known: tuple[str, ...]) -> Path:
    path = project.resolve(name)
    if not path.is_file():
        raise BadInput(
            _("{key}: {name} is no file, and none of {known}.").format(
                key=key, name=one_line(name, 80), known=", ".join(known)
            )
        )
    return path


def _error(name: str, text: str, fix: str) -> Finding:
    return Finding(name, "error", text, fix=fix)
