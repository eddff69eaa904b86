"""The model that is trained: the base as its precision or quantisation has it, and what is learned of it or beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training.adapter import find_adapter
from tarot_tui.training.recipe import Recipe

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

#: LLaMA-Factory's names for kinds of attention → transformers'; None: the best that the model has here.
_ATTENTION = {"auto": None, "disabled": "eager", "sdpa": "sdpa", "fa2": "flash_attention_2"}


def load_model(
    base: Path, recipe: Recipe, precision: str, *, cpu: bool, adapter: Path | None = None
) -> torch.nn.Module:
    """The frozen base in ``precision`` (or in 4 or 8 bits) with LoRA matrices in fp32 beside its layers.

    They are fresh, or those in the folder ``adapter``, with all that its configuration says.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    dtype = _DTYPES[precision]
    options: dict[str, Any] = {"attn_implementation": _ATTENTION[recipe.flash_attn]}
    if recipe.quantization_bit:
        options["quantization_config"] = _quantization(recipe.quantization_bit, dtype)
        options["device_map"] = {"": "cpu" if cpu else torch.cuda.current_device()}
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True, **options
    )
    model.config.use_cache = False
    if recipe.gradient_checkpointing:
        # Without this the first block's input needs no gradient and checkpointing would cut the graph there.
        model.enable_input_require_grads()
    torch.manual_seed(recipe.seed)
    lora = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.lora_dropout,
        use_rslora=recipe.use_rslora,
        use_dora=recipe.use_dora,
        modules_to_save=recipe.additional_target or None,
        target_modules="all-linear" if recipe.lora_target == ["all"] else recipe.lora_target,
        task_type="CAUSAL_LM",
    )
    tuned = (
        PeftModel.from_pretrained(model, adapter, is_trainable=True)
        if adapter
        else get_peft_model(model, lora)
    )
    # The name travels with the adapter; where the base lies on this machine does not.
    tuned.peft_config["default"].base_model_name_or_path = recipe.model_name_or_path
    return tuned


def first_adapter(
    project: Project, recipe: Recipe, request: dict[str, Any], checkpoint: Path | None
) -> Path | None:
    """The folder of the adapter that a continued run loads; None for a fresh one.

    Raises BadInput when it is gone, Refused when it is another by now.
    """
    if recipe.adapter_name_or_path is None or checkpoint:
        # The checkpoint holds that adapter as it has become, of the same make.
        return checkpoint if recipe.adapter_name_or_path else None
    found = find_adapter(project, recipe)
    if found.sha256() != request.get("adapter_sha256"):
        raise Refused(
            _("The adapter in {folder} has changed since this run was made: make a new one.").format(
                folder=found.folder
            )
        )
    return found.folder


def _quantization(bits: int, dtype: torch.dtype) -> BitsAndBytesConfig:
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
