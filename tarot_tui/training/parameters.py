"""Every parameter of a recipe, each declared once: its type, default, limits, what it does, whether a beginner needs it.

The form, the command line, the YAML, the JSON schema and their errors are all read from here. Names, defaults and
allowed values are those of transformers, peft and LLaMA-Factory, unless the sentence says otherwise.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Declared

from tarot_tui.locale import N_
from tarot_tui.training.base import EMBEDDED
from tarot_tui.training.values import Names, Real, Shares, Whole


def _p(default: Any, help: str, *, basic: bool = False, **limits: Any) -> Any:
    """One parameter: default, the sentence that says what it does, shown to beginners or not, pydantic's limits."""
    return Declared(default, description=help, json_schema_extra={"basic": basic}, **limits)


class Recipe(BaseModel):
    """One training, as asked for; nothing in it depends on the machine that it is read on."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, protected_namespaces=(), validate_assignment=True
    )

    # What is trained, on what.
    model_name_or_path: str = _p(
        EMBEDDED,
        N_("The base model: a name on the Hugging Face hub, or a folder."),
        basic=True,
        min_length=1,
    )
    dataset: Names = _p(
        ...,
        N_("The datasets to learn, by their names in data/dataset_info.json."),
        basic=True,
        min_length=1,
    )
    adapter_name_or_path: str | None = _p(
        None,
        N_("Go on from this adapter (a run's folder, from 'tarot-tui continue') instead of a fresh one."),
        min_length=1,
    )
    mix_strategy: Literal["concat", "interleave_under", "interleave_over"] = _p(
        "concat",
        N_(
            "Several datasets: one after the other, or mixed until the first is used up (under) or until all are (over)."
        ),
    )
    interleave_probs: Shares = _p(
        None,
        N_("With a mix: the chance of each dataset, such as 0.7,0.3; each in turn when empty."),
        pattern=r"^[0-9.e+-]+(,[0-9.e+-]+)*$",
    )
    eval_dataset: Names = _p([], N_("Datasets that are only measured on, never learned."))
    val_size: Real = _p(
        0.0,
        N_("Share of the samples (below 1) or number of them that is held out and only measured on."),
        ge=0,
    )
    max_samples: Whole | None = _p(
        None, N_("Learn at most so many samples of each dataset, the first ones."), ge=1
    )
    cutoff_len: Whole = _p(
        1024,
        N_("Longest sample in tokens; what is longer loses its end, so it must fit the longest answer."),
        basic=True,
        ge=8,
        le=1_048_576,
    )
    allow_truncation: bool = _p(
        False, N_("Train even when answers are cut off at cutoff_len, instead of refusing.")
    )
    packing: bool = _p(
        False,
        N_(
            "Put several short samples into one row of cutoff_len tokens, each still seeing only itself: fewer, fuller steps."
        ),
    )
    neat_packing: bool = _p(
        False,
        N_("LLaMA-Factory's name for packing that keeps samples apart; here it does what packing does."),
    )
    group_by_length: bool = _p(
        False,
        N_(
            "Put samples of like length into a batch: less padding and faster, but no longer in random order."
        ),
    )

    # How it is changed.
    finetuning_type: Literal["lora", "full"] = _p(
        "lora",
        N_(
            "lora: the base stays as it is and small matrices beside its layers are learned. full: every weight is learned, in many times the memory."
        ),
    )
    lora_rank: Whole = _p(
        16, N_("Size of those matrices: more can hold more and takes more memory."), basic=True, ge=1, le=1024
    )
    lora_alpha: Whole | None = _p(
        None, N_("How strongly they act; twice the rank when empty."), ge=1, le=4096
    )
    lora_dropout: Real = _p(
        0.0, N_("Share of their input switched off at random while learning; helps against rote."), ge=0, lt=1
    )
    lora_target: Names = _p(
        ["all"], N_("Which layers get them: all, or module names such as q_proj,v_proj."), min_length=1
    )
    use_rslora: bool = _p(
        False, N_("Divide lora_alpha by the root of the rank instead of the rank: keeps large ranks strong.")
    )
    use_dora: bool = _p(
        False, N_("Also learn how long each layer's weights are (DoRA): often better at small ranks, slower.")
    )
    loraplus_lr_ratio: Real | None = _p(
        None,
        N_(
            "How many times faster the second matrix of each pair learns (LoRA+), such as 16; as fast when empty."
        ),
        gt=0,
        le=1000,
    )
    additional_target: Names = _p(
        [],
        N_(
            "Modules that are learned whole beside LoRA, such as embed_tokens,lm_head (peft's modules_to_save): much memory."
        ),
    )
    neftune_noise_alpha: Real | None = _p(
        None,
        N_(
            "Add so much noise to the input while learning (NEFTune), such as 5: livelier answers, less rote."
        ),
        gt=0,
        le=1000,
    )
    quantization_bit: Literal[4, 8] | None = _p(
        None,
        N_("Keep the base in 4 or 8 bits while training (QLoRA): a quarter or half of its memory."),
        basic=True,
    )
    bf16: bool | None = _p(None, N_("Compute in bfloat16; when empty, wherever the hardware really has it."))
    fp16: bool | None = _p(
        None, N_("Compute in float16, for GPUs without bfloat16; when empty, on those only.")
    )
    pure_bf16: bool = _p(
        False,
        N_("With full: keep weights and optimiser in bfloat16 too: half the memory, small changes get lost."),
    )
    flash_attn: Literal["auto", "disabled", "sdpa", "fa2"] = _p(
        "auto",
        N_(
            "How attention is computed: auto chooses, sdpa is PyTorch's own, fa2 needs flash-attn and a GPU, disabled is the slow plain way."
        ),
    )
    enable_liger_kernel: bool = _p(
        False, N_("Use Liger's fused GPU kernels (package liger-kernel): faster, less memory.")
    )
    gradient_checkpointing: bool = _p(
        True, N_("Compute activations twice instead of keeping them: less memory, about a fifth slower.")
    )

    # The steps.
    per_device_train_batch_size: Whole = _p(
        2, N_("Samples that a device works on at once: the first thing to lower when memory runs out."),
        basic=True, ge=1, le=4096,
    )  # fmt: skip
    per_device_eval_batch_size: Whole | None = _p(
        None,
        N_("Samples that a device is measured on at once; as many as in training when empty."),
        ge=1,
        le=4096,
    )
    gradient_accumulation_steps: Whole = _p(
        4, N_("Batches that are added up to one optimiser step."), basic=True, ge=1, le=65536
    )
    learning_rate: Real = _p(
        2e-4,
        N_("How far one step goes; LoRA wants 1e-4 to 1e-3, full a tenth of that."),
        basic=True,
        gt=0,
        le=1,
    )
    num_train_epochs: Real = _p(3.0, N_("How many times every sample is seen."), basic=True, gt=0, le=10_000)
    max_steps: Whole = _p(
        -1, N_("Stop after so many optimiser steps, whatever the epochs; -1 for no such limit."), ge=-1
    )
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "inverse_sqrt", "polynomial"
    ] = _p("cosine", N_("How the learning rate falls over the steps."))
    warmup_steps: Whole = _p(
        0, N_("Steps in which the learning rate rises from zero; wins over warmup_ratio unless 0."), ge=0
    )
    warmup_ratio: Real = _p(
        0.03, N_("Share of the steps in which the learning rate rises from zero."), ge=0, lt=1
    )
    weight_decay: Real = _p(0.0, N_("How strongly the learned weights are pulled to zero."), ge=0, le=1)
    max_grad_norm: Real = _p(1.0, N_("Longest gradient of a step; longer ones are shortened to it."), gt=0)
    optim: Literal[
        "adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor", "sgd"
    ] = _p(
        "adamw_torch", N_("The optimiser; the 8-bit ones keep a quarter of its memory and need bitsandbytes.")
    )
    adam_beta1: Real = _p(
        0.9, N_("How long Adam remembers the direction of earlier steps; nearer to 1 is longer."), ge=0, lt=1
    )
    adam_beta2: Real = _p(
        0.999, N_("How long Adam remembers the size of earlier gradients; nearer to 1 is longer."), ge=0, lt=1
    )
    adam_epsilon: Real = _p(
        1e-8, N_("Keeps Adam from dividing by nothing; larger makes its steps smaller."), gt=0, le=1
    )
    seed: Whole = _p(
        42, N_("With the same seed, data and machine a run repeats itself exactly."), ge=0, le=2**32 - 1
    )

    # How it is spread over processes, and what happens when memory runs out.
    fsdp: str | None = _p(
        None,
        N_(
            "Several GPUs share one copy of the model: full_shard, full_shard_offload (the rest in main memory), or your own accelerate file."
        ),
        min_length=1,
    )
    deepspeed: str | None = _p(
        None,
        N_("The same by DeepSpeed: z2, z3, z2_offload, z3_offload, or your own DeepSpeed file."),
        min_length=1,
    )
    on_oom: Literal["fail", "batch", "checkpointing", "shorter", "4bit"] = _p(
        "checkpointing",
        N_(
            "How far to go by itself when memory runs out: smaller batches, then gradient checkpointing; only with shorter samples and a 4-bit base is something else learned."
        ),
    )

    # What is written on the way.
    logging_steps: Whole = _p(1, N_("Steps between two points of the loss curve."), ge=1)
    save_steps: Whole = _p(100, N_("Steps between two checkpoints."), ge=1)
    save_total_limit: Whole = _p(2, N_("Checkpoints that are kept; older ones are deleted."), ge=1)
    eval_steps: Whole | None = _p(
        None, N_("Steps between two measurements on what is held out; as save_steps when empty."), ge=1
    )
    early_stopping_steps: Whole | None = _p(
        None, N_("Finish early once the measured loss has not fallen for so many measurements."), ge=1
    )
    load_best_model_at_end: bool = _p(
        False, N_("Keep the checkpoint with the lowest measured loss, and make it the result.")
    )
    sample_answers: Whole = _p(
        3,
        N_(
            "After training, answer so many questions with the base and with the result, to compare; 0 for none."
        ),
        ge=0,
        le=50,
    )
    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = _p(
        "none",
        N_(
            "Also send the curves to TensorBoard, Weights & Biases or trackio; the package must be installed."
        ),
    )

    @property
    def probabilities(self) -> list[float] | None:
        """``interleave_probs`` as numbers."""
        return [float(part) for part in self.interleave_probs.split(",")] if self.interleave_probs else None

    @property
    def packed(self) -> bool:
        """Whether samples share rows: by either of its names."""
        return self.packing or self.neat_packing

    @property
    def eval_batch(self) -> int:
        """``per_device_eval_batch_size`` in force: as in training unless it was given."""
        return self.per_device_eval_batch_size or self.per_device_train_batch_size

    @property
    def measuring_steps(self) -> int:
        """``eval_steps`` in force: with every checkpoint unless it was given."""
        return self.eval_steps or self.save_steps

    def kept_checkpoints(self, *, measured: bool) -> int:
        """How many are kept at a time: ``save_total_limit``, but where a loss is measured the best beside the last.

        Told to keep one alone, Trainer deletes the last at the end, also of a run that was stopped to go on later.
        """
        return max(self.save_total_limit, 2) if measured else self.save_total_limit

    @property
    def alpha(self) -> int:
        """``lora_alpha`` in force: twice the rank unless it was given."""
        return self.lora_alpha or 2 * self.lora_rank
