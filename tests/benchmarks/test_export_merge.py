"""A merge against a copy of the same model: little more work than ``cp``, in memory that does not grow.

A synthetic Llama of 3 GB in four shards, all of whose linear layers an adapter of rank 16 changes.
``TAROT_BENCH_SCALE=0.1`` makes it a tenth as large. Wall times mean something on a quiet machine only.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tarot_tui.export import blas
from tarot_tui.export.safetensors_file import INDEX, encode

SCALE = float(os.environ.get("TAROT_BENCH_SCALE", "1"))
LAYERS = max(1, round(16 * SCALE))
WIDTH, INNER, KEYS, RANK, SHARDS = 2048, 8192, 512, 16, 4
VOCABULARY = round(128_256 * SCALE)
LINEAR = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (KEYS, WIDTH),
    "self_attn.v_proj": (KEYS, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}
PAIRS = 7

MERGE = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.merge import merge
base, adapter, target = map(Path, sys.argv[1:])
merge(base, [Weighted(adapter)], target, threads=2)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
# What a merge promises is on the disk, so the copy must be, too.
COPY = 'cp -r "$1" "$2" && sync "$2"/*'


def write(path: Path, dtype: str, shapes: dict[str, tuple[int, ...]], values: np.ndarray) -> None:
    """A safetensors file; every tensor is ``values`` (float32), over and over."""
    width = {"BF16": 2, "F32": 4}[dtype]
    header, end = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape)) * width
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    block = encode(values, dtype).tobytes()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while end > 0:
            end -= file.write(block[: min(end, len(block))])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> tuple[Path, Path]:
    """The base and the adapter."""
    folder = tmp_path_factory.mktemp("merge")
    base, adapter = folder / "base", folder / "adapter"
    base.mkdir()
    adapter.mkdir()
    values = np.random.default_rng(0).standard_normal(1 << 20).astype(np.float32) / 50
    shapes: list[dict[str, tuple[int, ...]]] = [{} for _shard in range(SHARDS)]
    shapes[0]["model.embed_tokens.weight"] = (VOCABULARY, WIDTH)
    shapes[-1]["lm_head.weight"] = (VOCABULARY, WIDTH)
    factors = {}
    for layer in range(LAYERS):
        stem = f"model.layers.{layer}"
        shard = shapes[layer * SHARDS // LAYERS]
        for name, (out, width) in LINEAR.items():
            shard[f"{stem}.{name}.weight"] = (out, width)
            factors[f"base_model.model.{stem}.{name}.lora_A.weight"] = (RANK, width)
            factors[f"base_model.model.{stem}.{name}.lora_B.weight"] = (out, RANK)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shard[f"{stem}.{norm}.weight"] = (WIDTH,)
    names = [f"model-{n + 1:05}-of-{SHARDS:05}.safetensors" for n in range(SHARDS)]
    for name, shard in zip(names, shapes, strict=True):
        write(base / name, "BF16", shard, values)
    weight_map = {tensor: name for name, shard in zip(names, shapes, strict=True) for tensor in shard}
    (base / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (base / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": false}')
    write(adapter / "adapter_model.safetensors", "F32", factors, values)
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 16, "lora_alpha": 32}')
    return base, adapter


def timed(command: list[str], target: Path) -> tuple[float, float, str]:
    """Seconds on the clock, seconds of processor time, and what was printed; the result is thrown away."""
    environment = os.environ | blas.environment()
    before, start = os.times(), time.monotonic()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, after = time.monotonic() - start, os.times()
    shutil.rmtree(target)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used, done.stdout


@pytest.mark.benchmark
def test_a_merge_costs_little_more_than_a_copy(model, tmp_path):
    base, adapter = model
    size = sum(path.stat().st_size for path in base.iterdir())
    merge = [sys.executable, "-c", MERGE, str(base), str(adapter), str(tmp_path / "merged")]
    copy = ["sh", "-c", COPY, "sh", str(base), str(tmp_path / "copy")]
    timed(copy, tmp_path / "copy")  # both find the base in the same cache
    copies, merges, peak = [], [], 0
    for _pair in range(PAIRS):
        copied, merged = timed(copy, tmp_path / "copy"), timed(merge, tmp_path / "merged")
        copies.append(copied[:2])
        merges.append(merged[:2])
        peak = max(peak, int(merged[2]) * 1024)
        print(
            f"{size / 1e9:.2f} GB: merge {merged[0]:.2f} s ({merged[1]:.2f} s of CPU), "
            f"cp {copied[0]:.2f} s ({copied[1]:.2f} s of CPU), peak {peak / 1e6:.0f} MB"
        )
    # Turn by turn, so that both have the same machine; but what a single copy takes swings by half, and says nothing
    # of the merge beside it.
    wall, work = (
        statistics.median(one) / statistics.median(other)
        for one, other in zip(zip(*merges, strict=True), zip(*copies, strict=True), strict=True)
    )
    print(f"wall × {wall:.2f}, CPU × {work:.2f}")
    assert peak < 64e6
    assert work <= 2
    assert wall <= 1.3
