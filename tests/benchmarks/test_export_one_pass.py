"""The one pass against the three steps it replaces: processor time, memory, and what lies on the disk in between.

A synthetic Llama of 3 GB with SmolLM2's tokenizer, all of whose linear layers an adapter of rank 16 changes.
``TAROT_BENCH_SCALE=0.1`` makes it a tenth as large. All on one thread, so that seconds are seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tarot_tui.export import blas

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
LAYERS = max(1, round(22 * SCALE))

MAKE = """
import sys
from pathlib import Path
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(0)
torch.set_default_dtype(torch.bfloat16)
config = LlamaConfig(
    vocab_size=49152, hidden_size=2048, intermediate_size=8192, num_hidden_layers=int(sys.argv[2]),
    num_attention_heads=32, num_key_value_heads=8, tie_word_embeddings=False,
)
model = LlamaForCausalLM(config)
model.save_pretrained(Path(sys.argv[1]) / "base/model")
adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
for name, weight in adapted.named_parameters():
    if "lora_" in name:
        weight.data.normal_(std=0.02)
adapted.save_pretrained(Path(sys.argv[1]) / "adapter")
"""
ONE_PASS = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.gguf import write_ggufs
folder = Path(sys.argv[1])
write_ggufs(folder / "base/model", [Weighted(folder / "adapter")], {"q4_k_m": folder / "ours.gguf"}, name="model")
"""
MERGE = """
import sys, torch
from pathlib import Path
from peft import PeftModel
from transformers import AutoModelForCausalLM
torch.set_num_threads(1)
folder = Path(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(folder / "base/model", dtype="auto")
PeftModel.from_pretrained(model, folder / "adapter").merge_and_unload().save_pretrained(folder / "merged/model")
"""
CONVERT = """
import sys
from pathlib import Path
from tarot_tui.export import converter
converter.activate(converter.tool_dir())
import gguf, torch
torch.set_num_threads(1)
folder = Path(sys.argv[1])
kind, settings = converter.model_class(folder / "merged/model")
with torch.inference_mode():
    kind(
        folder / "merged/model", gguf.LlamaFileType.MOSTLY_BF16, folder / "bf16.gguf", hparams=settings,
        model_name="model",
    ).write()
"""
QUANTISE = """
import sys
from cyllama.llama import llama_cpp
wanted = llama_cpp.LlamaModelQuantizeParams()
wanted.ftype, wanted.nthread = 15, 1
llama_cpp.model_quantize(f"{sys.argv[1]}/bf16.gguf", f"{sys.argv[1]}/theirs.gguf", wanted)
"""
MEASURE = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print("measured", used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def measured(code: str, *arguments: object) -> tuple[float, int]:
    """Seconds of processor time and bytes of memory at the most that ``code`` takes in a process of its own."""
    environment = os.environ | blas.environment() | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [sys.executable, "-c", code + MEASURE, *map(str, arguments)],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), int(peak)


@pytest.fixture(scope="module")
def folder(smollm2, tmp_path_factory) -> Path:
    """Holds ``base/model`` and ``adapter``."""
    folder = tmp_path_factory.mktemp("one-pass")
    measured(MAKE, folder, LAYERS)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copyfile(smollm2 / name, folder / "base/model" / name)
    return folder


def stored(folder: Path) -> int:
    """Bytes of all files in ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.benchmark
def test_one_pass_takes_less_of_everything_than_three_steps(folder):
    before = stored(folder)
    seconds, peak = measured(ONE_PASS, folder)
    assert stored(folder) - before == (folder / "ours.gguf").stat().st_size
    steps = {}
    for step, code in (("merge", MERGE), ("convert", CONVERT), ("quantise", QUANTISE)):
        if step == "convert":  # the converter reads the tokenizer of the merged model
            for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
                shutil.copyfile(folder / "base/model" / name, folder / "merged/model" / name)
        steps[step] = measured(code, folder)
    between = stored(folder / "merged") + (folder / "bf16.gguf").stat().st_size
    print(f"{stored(folder / 'base') / 1e9:.2f} GB, q4_k_m on one thread")
    print(f"one pass: {seconds:.1f} s of CPU, {peak / 1e6:.0f} MB, nothing in between")
    for step, (cost, most) in steps.items():
        print(f"{step}: {cost:.1f} s of CPU, {most / 1e6:.0f} MB")
    together = sum(cost for cost, _most in steps.values())
    print(
        f"together: {together:.1f} s of CPU, {between / 1e9:.2f} GB in between; ratio {seconds / together:.2f}"
    )
    assert peak < 500e6
    assert seconds <= together
    _same_tensors(folder)


def _same_tensors(folder: Path) -> None:
    """All but the first 4 MB, where the metadata differ: the quantiser adds its own version."""
    ours, theirs = folder / "ours.gguf", folder / "theirs.gguf"
    count = min(ours.stat().st_size, theirs.stat().st_size) - (4 << 20)
    with open(ours, "rb") as one, open(theirs, "rb") as two:
        one.seek(-count, os.SEEK_END)
        two.seek(-count, os.SEEK_END)
        while block := one.read(1 << 20):
            assert block == two.read(1 << 20)
