"""What LLaMA-Factory's arguments are called here, and what they are when nobody says.

Source: ``hparams/*.py`` and ``webui/runner.py`` (``_parse_train_args``) of LLaMA-Factory 0.9.5, and the
``TrainingArguments`` of transformers 5 below them.
"""

from __future__ import annotations

from typing import Any

from tarot_tui.training.recipe import Recipe, fields

#: LLaMA-Factory's arguments by whose names, and with whose meaning, a recipe may have a key.
_THEIRS = {
    "adam_beta1", "adam_beta2", "adam_epsilon", "adapter_name_or_path", "additional_target", "bf16", "cutoff_len", "dataset", "early_stopping_steps", "eval_dataset", "eval_steps", "flash_attn",
    "enable_liger_kernel", "finetuning_type", "fp16", "gradient_accumulation_steps", "group_by_length", "learning_rate",
    "load_best_model_at_end", "logging_steps", "lora_alpha", "lora_dropout", "lora_rank", "lora_target",
    "interleave_probs", "mix_strategy",
    "loraplus_lr_ratio", "lr_scheduler_type", "mask_history", "max_grad_norm", "max_samples", "max_steps",
    "model_name_or_path", "neat_packing", "neftune_noise_alpha", "num_train_epochs", "optim",
    "packing", "per_device_eval_batch_size", "per_device_train_batch_size", "pure_bf16", "quantization_bit", "report_to", "save_steps", "save_total_limit", "seed",
    "train_on_prompt", "use_dora", "use_rslora", "val_size", "warmup_ratio", "warmup_steps", "weight_decay",
}  # fmt: skip
#: Keys that mean the same in both, in the order of the recipe.
SHARED = tuple(name for name in Recipe.model_fields if name in _THEIRS)
#: Keys of a recipe that hold names, separated by commas.
LISTS = tuple(field.name for field in fields() if field.type is list)

#: What LLaMA-Factory takes for a key that is not given, where a recipe takes something else.
DEFAULTS: dict[str, Any] = {
    "cutoff_len": 2048,
    "lora_rank": 8,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "logging_steps": 500,
    "save_steps": 500,
}
#: The same for its web page, which always says the rest.
BOARD_DEFAULTS: dict[str, Any] = {
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "lr_scheduler_type": "cosine",
    "logging_steps": 5,
    "save_steps": 100,
}

#: Names that were once right, and what they are now.
RENAMED = {"evaluation_strategy": "eval_strategy", "checkpoint_dir": "adapter_name_or_path"}

#: Arguments that need no counterpart: how it works, logs and stores; each of them is settled here without asking.
SETTLED = {
    "cache_dir", "dataloader_num_workers", "dataloader_pin_memory", "ddp_backend", "ddp_find_unused_parameters",
    "ddp_timeout", "disable_tqdm", "do_eval", "do_train", "double_quantization", "enable_thinking",
    "eval_strategy", "greater_is_better", "include_num_input_tokens_seen", "logging_dir", "logging_strategy",
    "low_cpu_mem_usage", "metric_for_best_model", "output_dir", "overwrite_cache", "overwrite_output_dir",
    "plot_loss", "preprocessing_batch_size", "preprocessing_num_workers", "quantization_device_map",
    "quantization_type", "remove_unused_columns", "run_name", "save_safetensors", "save_strategy",
    "upcast_layernorm", "use_cache", "use_fast_tokenizer", "use_reentrant_gc",
}  # fmt: skip

#: Arguments whose values are nobody else's business.
SECRETS = {
    "hf_hub_token",
    "hub_token",
    "ms_hub_token",
    "om_hub_token",
    "swanlab_api_key",
    "swanlab_lark_secret",
}

#: An element of the web page → the argument that it stands for.
BOARD = {
    "top.model_path": "model_name_or_path",
    "top.finetuning_type": "finetuning_type",
    "top.checkpoint_path": "adapter_name_or_path",
    "top.quantization_bit": "quantization_bit",
    "top.quantization_method": "quantization_method",
    "top.template": "template",
    "top.rope_scaling": "rope_scaling",
    "train.batch_size": "per_device_train_batch_size",
    "train.neftune_alpha": "neftune_noise_alpha",
    "train.use_pissa": "pissa_init",
}
#: Beginnings of elements that only matter with a switch of the page, and that switch; empty for other kinds of training.
SWITCHED = {
    "galore_": "use_galore",
    "apollo_": "use_apollo",
    "badam_": "use_badam",
    "swanlab_": "use_swanlab",
    "freeze_": "use_llama_pro",
    "trackio_": "",
    "project": "",
    "hub_private": "",
    "pref_": "",
    "ppo_": "",
    "reward_": "",
    "image_": "",
    "video_": "",
    "config_path": "",
    "lang": "",
}
#: What the page calls a stage → what the arguments call it.
STAGES = {
    "Supervised Fine-Tuning": "sft",
    "Reward Modeling": "rm",
    "PPO": "ppo",
    "DPO": "dpo",
    "KTO": "kto",
    "Pre-Training": "pt",
}

#: Names of linear layers in the models that people train; ``lora_target`` takes them and ``all``.
LINEAR = {
    "q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "out_proj", "gate_proj", "up_proj", "down_proj",
    "gate_up_proj", "query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h", "W_pack", "c_attn", "c_proj",
    "w1", "w2", "w3", "wqkv", "wo", "fc1", "fc2", "in_proj", "x_proj",
}  # fmt: skip


def known() -> set[str]:
    """Every argument that is understood, for finding the right one next to a wrong one."""
    special = {"stage", "template", "quantization_method", "deepspeed", "dataset_dir"}
    return {*SHARED, *special, *SETTLED, *SECRETS, "disable_gradient_checkpointing", "trust_remote_code"}
