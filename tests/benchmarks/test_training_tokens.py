"""Tokenised once and read again: how much sooner a plan or a training begins."""

from __future__ import annotations

import json
import os
import time

import pytest

from tarot_tui.training.encode import load_tokenizer
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.samples import prepare

COUNT = max(500, int(20_000 * float(os.environ.get("TAROT_BENCH_SCALE", "1.0"))))


@pytest.mark.benchmark
def test_kept_tokens_are_read_five_times_as_fast_as_they_are_made(project, smollm2):
    rows = [
        {
            "instruction": f"What is card {n}?",
            "input": "",
            "output": "A new beginning. 新的開始。" * (3 + n % 30),
        }
        for n in range(COUNT)
    ]
    (project.data / "a.json").write_text(json.dumps(rows))
    (project.data / "dataset_info.json").write_text(json.dumps({"a": {"file_name": "a.json"}}))
    recipe, tokenizer = Recipe(dataset=["a"]), load_tokenizer(smollm2)
    seconds = []
    for _again in range(3):
        begun = time.perf_counter()
        found = prepare(project, recipe, smollm2, tokenizer)
        seconds.append(time.perf_counter() - begun)
    made, read = seconds[0], min(seconds[1:])
    print(
        f"{len(found.train)} samples: made {made:.2f} s, read {read:.2f} s, {made / read:.1f} times as fast"
    )
    assert made > 5 * read
