"""The promise that a merge fits anywhere: memory does not grow with the model."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tarot_tui.export.safetensors_file import encode

ROWS, WIDTH, TENSORS = 6400, 4096, 6  # 6 × 52 MB in bf16
NAMES = [f"model.layers.{i}.mlp.up_proj.weight" for i in range(TENSORS)]

WORK = """
import os, pathlib, resource, sys
if sys.argv[1].isdigit():
    resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
else:
    pathlib.Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
from tarot_tui.export import worker
assert worker.main() == 0
words = open("/proc/self/status").read().split()
print("peak", words[words.index("VmHWM:") + 1])
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""


def write(path: Path, dtype: str, tensors: dict[str, tuple[int, int]], row: np.ndarray) -> None:
    """A safetensors file whose rows all are ``row``, repeated or cut to their width."""
    header, end = {}, 0
    rows = {shape[1]: encode(np.resize(row, shape[1]), dtype).tobytes() for shape in tensors.values()}
    for name, shape in tensors.items():
        size = shape[0] * len(rows[shape[1]])
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for shape in tensors.values():
            for _row in range(shape[0]):
                file.write(rows[shape[1]])


@pytest.fixture
def big(tmp_path) -> tuple[Path, Path]:
    """A base of 315 MB, half of which an adapter of rank 16 changes."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    row = np.random.default_rng(0).standard_normal(WIDTH).astype(np.float32)
    write(base / "model.safetensors", "BF16", dict.fromkeys(NAMES, (ROWS, WIDTH)), row)
    (base / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (base / "tokenizer.json").write_text("{}")
    modules = [f"base_model.model.{name.removesuffix('.weight')}" for name in NAMES[:3]]
    factors = {f"{module}.lora_A.weight": (16, WIDTH) for module in modules}
    factors |= {f"{module}.lora_B.weight": (ROWS, 16) for module in modules}
    write(adapter / "adapter_model.safetensors", "F32", factors, row / 10)
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 16, "lora_alpha": 32}')
    return base, adapter


# RLIMIT_DATA is stricter than a control group for a process's own memory: it counts what is asked for, so also the 32 MB
# that OpenBLAS sets aside for every thread and never touches. A group counts the page cache too, which gives way.
@pytest.mark.parametrize(("threads", "limit"), [(1, 96 << 20), (2, 256 << 20)])
def test_a_merge_stays_under_64_megabytes(big, project, in_child, monkeypatch, threads, limit):
    _merge_within(limit, big, project, in_child, monkeypatch, threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_merge_passes_in_a_control_group_of_96_megabytes(
    big, project, in_child, monkeypatch, control_group, threads
):
    _merge_within(control_group(96 << 20), big, project, in_child, monkeypatch, threads)


def _merge_within(limit, big, project, in_child, monkeypatch, threads: int) -> None:
    from tarot_tui.jobs.spec import create

    base, adapter = big
    request = {
        "project": str(project.root), "name": "big", "run": adapter.name, "adapter": str(adapter), "base": str(base),
        "quants": [], "merge": True, "replace": False, "threads": threads,
    }  # fmt: skip
    job = create(project, "export", "big", ["-"], request)
    monkeypatch.setenv("TAROT_JOB_DIR", str(job))
    said = in_child(WORK, limit).splitlines()
    assert int(said[-1].split()[1]) < 64_000, said
    merged = project.models / "big/merged/model.safetensors"
    # The same tensors under a header that is padded to eight bytes.
    assert abs(merged.stat().st_size - (base / "model.safetensors").stat().st_size) < 200
    assert "library_name: transformers" in merged.with_name("README.md").read_text()
    assert json.loads((job / "result.json").read_text())["outcome"] == "finished"


MERGE = """
import sys
from pathlib import Path
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.merge import merge
base, adapter, target = map(Path, sys.argv[1:])
merge(base, [Weighted(adapter)], target)
words = open("/proc/self/status").read().split()
print(words[words.index("VmHWM:") + 1])
"""


def test_so_does_that_of_a_mixture_with_as_many_tensors_as_a_large_one(tmp_path, in_child):
    """48 layers of 128 experts, each with three tensors: 18,432, all changed by adapters of their stacks."""
    layers, experts, width, inner, rank = 48, 128, 16, 8, 4
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    shapes, factors = {}, {}
    for layer in range(layers):
        stack = f"model.layers.{layer}.mlp.experts"
        for expert in range(experts):
            shapes |= {f"{stack}.{expert}.{name}_proj.weight": (inner, width) for name in ("gate", "up")}
            shapes[f"{stack}.{expert}.down_proj.weight"] = (width, inner)
        peft = f"base_model.model.{stack}"
        factors[f"{peft}.base_layer.lora_A.weight"] = (experts * rank, width)
        factors[f"{peft}.base_layer.lora_B.weight"] = (2 * inner, experts * rank)
        factors[f"{peft}.lora_A.weight"] = (experts * rank, inner)
        factors[f"{peft}.lora_B.weight"] = (width, experts * rank)
    row = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    write(base / "model.safetensors", "BF16", shapes, row)
    (base / "config.json").write_text('{"model_type": "qwen3_moe"}')
    write(adapter / "adapter_model.safetensors", "F32", factors, row)
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 8}')
    assert int(in_child(MERGE, base, adapter, tmp_path / "merged")) < 64_000
