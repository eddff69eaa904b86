"""The model that is trained: the base as its precision or quantisation has it, and what is learned of it or beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.initialization import no_init_weights

from tarot_tui.errors import BadInput
from tarot_tui.jobs import worker
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line
from tarot_tui.training.engines.trainer import RecipeTrainer
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.unchanged import same_adapter

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

#: LLaMA-Factory's names for kinds of attention → transformers'; None: the best that the model has here.
_ATTENTION = {"auto": None, "disabled": "eager", "sdpa": "sdpa", "fa2": "flash_attention_2"}


def load_model(
    base: Path, recipe: Recipe, precision: str, *, cpu: bool, adapter: Path | None = None
) -> torch.nn.Module:
    """The model, with a gradient wherever it is learned.

    With LoRA the base is frozen, in ``precision`` or in 4 or 8 bits, and what is learned is in fp32: fresh matrices, or
    those in the folder ``adapter`` with all that its configuration says. With full fine-tuning every weight is
    learned, in fp32 unless ``pure_bf16``. Raises BadInput for layers that this model does not have.
    """
    if recipe.finetuning_type == "full":
        model = load_base(base, recipe, torch.bfloat16 if recipe.pure_bf16 else torch.float32)
        model.base_dtype = AutoConfig.from_pretrained(base, local_files_only=True).dtype
        torch.manual_seed(recipe.seed)
        return model
    dtype = _DTYPES[precision]
    quantised: dict[str, Any] = {}
    if recipe.quantization_bit:
        storage = {"bnb_4bit_quant_storage": dtype} if recipe.fsdp else {}
        quantised["quantization_config"] = _quantization(recipe.quantization_bit, dtype, **storage)
        quantised["device_map"] = {"": "cpu" if cpu else torch.cuda.current_device()}
    model = load_base(base, recipe, dtype, **quantised)
    if recipe.gradient_checkpointing:
        # Without this the first block's input needs no gradient and checkpointing would cut the graph there.
        model.enable_input_require_grads()
    torch.manual_seed(recipe.seed)
    tuned = _with_lora(model, recipe, adapter)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            # What additional_target copies is in the base's 16 bits, where small steps are rounded away.
            parameter.data = parameter.data.to(torch.float32)
    if adapter and recipe.additional_target:
        tuned.load_adapter(str(adapter), "default", is_trainable=True)  # again, now that nothing is rounded
    return tuned


def load_base(folder: Path, recipe: Recipe, dtype: torch.dtype, **options: Any) -> PreTrainedModel:
    """The base model in ``folder`` as it is, in ``dtype``; ``options`` are ``from_pretrained``'s.

    Where the first process hands it out, the others get one without weights: not every one has room for a whole base.
    """
    same: dict[str, Any] = {
        "dtype": dtype,
        "attn_implementation": _ATTENTION[recipe.flash_attn],
        "trust_remote_code": False,
    }
    if _is_handed_out():
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        with no_init_weights():  # memory that is never written to is never taken
            model = AutoModelForCausalLM.from_config(config, **same)
        model.tie_weights()
    else:
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, **same, **options
        )
    model.config.use_cache = False
    return model


def _is_handed_out() -> bool:
    """Whether this process gets its part of the base from the first one, as accelerate was told to (``fsdp_config``)."""
    told = ("ACCELERATE_USE_FSDP", "FSDP_CPU_RAM_EFFICIENT_LOADING")
    return worker.rank() > 0 and all(os.environ.get(name) == "true" for name in told)


def learns_outside_lora(recipe: Recipe) -> bool:
    """Whether weights of the base's own kind are learned in fp32, so that 16 bits need autocast beside them."""
    return bool(recipe.additional_target) or (recipe.finetuning_type == "full" and not recipe.pure_bf16)


def as_its_base(trainer: RecipeTrainer) -> None:
    """Give a model that was trained whole the precision that its base came in: fp32 was for the training alone."""
    dtype = getattr(trainer.model, "base_dtype", None)
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        trainer.saved_in = dtype
    elif dtype:
        trainer.model.to(dtype)


def plain(model: torch.nn.Module) -> torch.nn.Module:
    """The language model of transformers, without what peft wraps around it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _with_lora(model: PreTrainedModel, recipe: Recipe, adapter: Path | None) -> torch.nn.Module:
    from peft import LoraConfig, PeftModel, get_peft_model

    if adapter:
        tuned = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    else:
        _refuse_unknown_modules(model, "additional_target", recipe.additional_target)
        if recipe.lora_target != ["all"]:
            _refuse_unknown_modules(model, "lora_target", recipe.lora_target)
        lora = LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.lora_dropout,
            use_rslora=recipe.use_rslora,
            use_dora=recipe.use_dora,
            modules_to_save=recipe.additional_target or None,
            # Where embedding and head are one, they stay one.
            ensure_weight_tying=bool(recipe.additional_target),
            target_modules="all-linear" if recipe.lora_target == ["all"] else recipe.lora_target,
            task_type="CAUSAL_LM",
        )
        tuned = get_peft_model(model, lora)
    # The name travels with the adapter; where the base lies on this machine does not.
    tuned.peft_config["default"].base_model_name_or_path = recipe.model_name_or_path
    return tuned


def _refuse_unknown_modules(model: PreTrainedModel, key: str, names: list[str]) -> None:
    """peft passes over a name that no module ends with, unless all do."""
    known = [name for name, _module in model.named_modules()]
    for name in names:
        if not any(module == name or module.endswith(f".{name}") for module in known):
            there = sorted({module.rpartition(".")[2] for module in known} - {""})
            raise BadInput(
                _("{key}: this model has no module '{name}'; it has {names}.").format(
                    key=key,
                    name=one_line(name, 60),
                    names=", ".join(part for part in there if not part.isdigit()),
                )
            )


def first_adapter(
    project: Project, recipe: Recipe, request: dict[str, Any], checkpoint: Path | None
) -> Path | None:
    """The folder of the adapter that a continued run loads; None for a fresh one.

    Raises BadInput when it is gone, Refused when it is another by now.
    """
    if recipe.adapter_name_or_path is None or checkpoint:
        # The checkpoint holds that adapter as it has become, of the same make.
        return checkpoint if recipe.adapter_name_or_path else None
    return same_adapter(project, recipe, request).folder


def _quantization(bits: int, dtype: torch.dtype, **storage: torch.dtype) -> BitsAndBytesConfig:
    """``storage``: what the bits are packed in; FSDP shares out nothing but floating point numbers."""
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        **storage,
    )
