"""TRL's SFTTrainer with a clock: ``sft.py ARGUMENTS.json ROWS.json``."""

import json
import sys
from pathlib import Path

import torch
from clock import Clock
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

arguments = json.loads(Path(sys.argv[1]).read_text())
rows = json.loads(Path(sys.argv[2]).read_text())
model, rank = arguments.pop("model"), arguments.pop("rank")
SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16),
    processing_class=AutoTokenizer.from_pretrained(model),
    args=SFTConfig(**arguments),
    train_dataset=Dataset.from_list(
        [
            {"input_ids": row["input_ids"], "completion_mask": [int(label >= 0) for label in row["labels"]]}
            for row in rows
        ]
    ),
    peft_config=LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"),
    callbacks=[Clock()],
).train()
